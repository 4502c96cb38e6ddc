import numpy as np
import pytest
import torch
from bench.methods._deep.augmentation import ImageAugmentation, VectorAugmentation, augmentation_for
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

STILL = {"rotation": 0.0, "shift": 0.0, "zoom": 0.0, "brightness": 0.0}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=seeded(seed)) * 2 - 1


class Bounds(ImageAugmentation):
    """Takes the largest amounts instead of random ones."""

    def _uniform(self, bound, *size):
        return torch.full(size, bound)


def image_with(**amounts):
    return Bounds(2.0, seeded(), **{**STILL, **amounts})


@pytest.mark.parametrize("shape", [(16, 1, 28, 28), (16, 3, 8, 8), (16, 2, 12, 20), (16, 7)])
def test_the_original_stays_clean_and_the_copy_differs(shape):
    samples = noise(*shape)
    before = samples.clone()
    copy = augmentation_for(samples, 0)(samples)
    assert torch.equal(samples, before)
    assert copy.shape == samples.shape
    assert copy.dtype == torch.float32
    assert copy.data_ptr() != samples.data_ptr()
    assert (copy - samples).flatten(1).abs().amax(1).min() > 0
    copy.zero_()
    assert torch.equal(samples, before)


@pytest.mark.parametrize("shape", [(8, 1, 8, 8), (8, 5)])
def test_the_seed_decides_all_copies_and_global_state_is_left_alone(shape):
    samples = noise(*shape)
    state = torch.get_rng_state()
    first, again, other = (augmentation_for(samples, seed) for seed in (1, 1, 2))
    copies = [first(samples), first(samples)]
    assert torch.equal(copies[0], again(samples))
    assert torch.equal(copies[1], again(samples))
    assert not torch.equal(copies[0], copies[1])
    assert not torch.equal(copies[0], other(samples))
    assert torch.equal(torch.get_rng_state(), state)


def test_no_amounts_change_nothing():
    images = noise(4, 2, 9, 13)
    torch.testing.assert_close(image_with()(images), images, atol=1e-5, rtol=0)


def test_a_quarter_turn_by_hand():
    images = noise(3, 1, 6, 6)
    turned = image_with(rotation=90.0)(images)
    expected = torch.rot90(images, 1, dims=(2, 3))
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


def test_a_shift_by_hand_repeats_the_border():
    images = noise(2, 1, 10, 10)
    moved = image_with(shift=0.1)(images)
    expected = images[:, :, [*range(1, 10), 9]][:, :, :, [*range(1, 10), 9]]
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(28, 28), (12, 20)])
def test_rotation_and_zoom_against_scipy(shape):
    image = noise(1, 1, *shape)
    moved = image_with(rotation=10.0, zoom=0.05)(image)[0, 0].numpy()
    angle = np.deg2rad(10.0)
    # Rows, then columns, in pixels around the centre.
    matrix = 1.05 * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = (np.array(shape) - 1) / 2
    expected = affine_transform(image[0, 0].numpy(), matrix, offset=centre - matrix @ centre, order=1, mode="nearest")
    np.testing.assert_allclose(moved, expected, atol=1e-4)


def test_brightness_is_a_share_of_the_range_and_stays_within_the_image():
    image = torch.linspace(-1, 1, 25).view(1, 1, 5, 5)
    brighter = image_with(brightness=0.05)(image)
    torch.testing.assert_close(brighter, (image + 0.1).clamp(max=1), atol=1e-5, rtol=0)


def test_every_image_moves_by_its_own_amount():
    images = noise(1, 1, 12, 12).repeat(5, 1, 1, 1)
    copies = augmentation_for(images, 0)(images)
    assert len(torch.unique(copies.flatten(1), dim=0)) == 5


@given(seed=st.integers(0, 2**31), channels=st.integers(1, 3), side=st.integers(4, 16))
@settings(max_examples=30)
def test_copies_stay_within_the_values_of_their_image(seed, channels, side):
    images = noise(4, channels, side, side, seed=seed)
    copies = augmentation_for(images, seed)(images)
    assert (copies.flatten(1).amax(1) <= images.flatten(1).amax(1)).all()
    assert (copies.flatten(1).amin(1) >= images.flatten(1).amin(1)).all()


def test_amounts_stay_within_their_bounds():
    images = noise(2000, 1, 4, 4)
    transforms = ImageAugmentation(2.0, seeded())._transforms(images)
    angle = torch.rad2deg(torch.atan2(transforms[:, 1, 0], transforms[:, 0, 0]))
    factors = transforms[:, :, :2].norm(dim=1)
    # Coordinates run over 2, so that a tenth of the image is 0.2.
    shifts = transforms[:, :, 2]
    for amounts, bound in ((angle, 10.0), (factors - 1, 0.05), (shifts, 0.2)):
        assert amounts.abs().max() <= bound * 1.01
        assert amounts.max() > 0.95 * bound
        assert amounts.min() < -0.95 * bound


def test_noise_and_dropout_of_vectors():
    mean, deviation = torch.tensor([3.0, -1.0]), torch.tensor([2.0, 0.5])
    vectors = torch.tensor([10.0, 20.0]).repeat(20_000, 1)
    copies = VectorAugmentation(mean, deviation, seeded(), noise=0.1, dropout=0.1)(vectors)
    dropped = copies == mean
    np.testing.assert_allclose(dropped.double().mean(0), 0.1, atol=0.01)
    for feature in range(2):
        kept = copies[~dropped[:, feature], feature] - vectors[0, feature]
        assert kept.mean().item() == pytest.approx(0, abs=0.01)
        assert kept.std().item() == pytest.approx(0.1 * deviation[feature].item(), rel=0.03)


def test_vectors_take_their_statistics_from_all_samples():
    samples = noise(50, 4)
    augmentation = augmentation_for(samples, 0)
    torch.testing.assert_close(augmentation.mean, samples.mean(0))
    np.testing.assert_allclose(augmentation.scale, 0.1 * samples.numpy().std(0), rtol=1e-5)


def test_constant_features_and_images_stay_finite():
    for samples in (torch.ones(6, 3), torch.ones(6, 1, 5, 5)):
        torch.testing.assert_close(augmentation_for(samples, 0)(samples), samples, atol=1e-6, rtol=0)
