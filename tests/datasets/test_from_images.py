"""Features made from photographs, with small images and a stand-in for the network."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from bench.datasets import mtfl, office31
from bench.datasets._faces import draw_subset, read_annotations
from bench.datasets._resnet import Network, PixelScale, cropped, extract, imagenet_resnet50
from bench.datasets.mtfl import Mtfl
from bench.datasets.office31 import Office31
from PIL import Image

from bench.data.store import Store
from bench.errors import BenchError, InvalidInputError

PLAIN = PixelScale(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def colours(images: np.ndarray) -> np.ndarray:
    """The mean of every channel, then zeros: 2,048 features."""
    X = np.zeros((len(images), 2048), dtype=np.float32)
    X[:, :3] = images.mean(axis=(2, 3), dtype=np.float64)
    return X


STAND_IN = Network("a stand-in", colours)


def picture(path: Path, colour: tuple[int, int, int] = (10, 20, 30), size: tuple[int, int] = (30, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


# Cropping and normalisation.


def test_the_centre_is_cut_out_without_resizing_where_the_short_side_fits() -> None:
    pixels = np.random.default_rng(0).integers(256, size=(256, 512, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(cropped(Image.fromarray(pixels))), pixels[16:240, 144:368])
    turned = np.ascontiguousarray(pixels.transpose(1, 0, 2))
    assert np.array_equal(np.asarray(cropped(Image.fromarray(turned))), turned[144:368, 16:240])


@pytest.mark.parametrize("size", [(1000, 700), (700, 1000), (300, 300), (40, 31), (257, 256), (3, 900)])
def test_every_size_becomes_224_and_the_short_side_256(size: tuple[int, int]) -> None:
    ramp = np.linspace(0, 255, size[0])[None].repeat(size[1], axis=0).astype(np.uint8)
    crop = np.asarray(cropped(Image.fromarray(ramp)))
    assert crop.shape == (224, 224)
    if size[0] > 100:
        # A horizontal ramp keeps its middle, and rises by 255 over the resized width.
        width = 256 * size[0] / min(size)
        assert crop[:, 111:113].mean() == pytest.approx(127.5, abs=2)
        assert crop[0, 223] - float(crop[0, 0]) == pytest.approx(255 * 223 / width, abs=3)


def test_channels_are_normalised_with_the_data_sets_constants(tmp_path: Path) -> None:
    scale = PixelScale(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    X = extract([picture(tmp_path / "a.png", (255, 0, 51))], STAND_IN, scale)
    assert X[0, :3] == pytest.approx([0.9 / 0.5, -0.2 / 0.25, -0.1 / 2.0], abs=1e-5)


def test_batches_keep_the_order(tmp_path: Path) -> None:
    seen = []

    def watched(images: np.ndarray) -> np.ndarray:
        assert images.shape[1:] == (3, 224, 224)
        assert images.dtype == np.float32
        seen.append(len(images))
        return colours(images)

    paths = [picture(tmp_path / f"{i}.png", (i, 0, 255 - i)) for i in range(70)]
    X = extract(paths, Network("w", watched), PLAIN)
    assert seen == [32, 32, 6]
    assert X[:, 0] * 255 == pytest.approx(np.arange(70), abs=1e-3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_images_of_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (30, 30), (255, 255, 255)).convert(mode).save(path)
    assert extract([path], STAND_IN, PLAIN)[0, :3] == pytest.approx([1, 1, 1], abs=0.02)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", size=(300, 300))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InvalidInputError, match=r"a\.png is no image"):
        extract([path], STAND_IN, PLAIN)
    with pytest.raises(InvalidInputError, match=r"b\.png is no image"):
        extract([tmp_path / "b.png"], STAND_IN, PLAIN)


def test_a_network_with_other_features_is_refused(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    with pytest.raises(BenchError, match=r"a small one gave features of shape \(1, 1000\)"):
        extract([path], Network("a small one", lambda images: np.zeros((len(images), 1000), np.float32)), PLAIN)


# The real network's wrapper, around a made-up torchvision.


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(BenchError, match=r"pip install 'fair-clustering-bench\[vision\]'"):
        imagenet_resnet50()


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    import torch

    class Toy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = torch.nn.Dropout(0.5)
            self.fc = torch.nn.Linear(2048, 1000)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            pooled = images.mean(dim=(1, 2, 3), keepdim=True)[:, :, 0, 0]
            return self.fc(self.drop(pooled.expand(-1, 2048)))

    # A file on this machine stands for the one on the web; torch keeps a copy.
    published = tmp_path / "toy.pth"
    torch.save(Toy().state_dict(), published)
    models = ModuleType("torchvision.models")
    models.url = f"{published.as_uri()[:-4]}-{hashlib.sha256(published.read_bytes()).hexdigest()[:8]}.pth"
    published.rename(tmp_path / Path(models.url).name)
    models.kept = tmp_path / "hub" / "checkpoints" / Path(models.url).name
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    models.ResNet50_Weights = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(url=models.url))
    models.resnet50 = Toy
    package = ModuleType("torchvision")
    package.models = models
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    return models


def test_the_network_gives_pooled_features_in_evaluation_mode(torchvision: ModuleType) -> None:
    network = imagenet_resnet50()
    assert torchvision.kept.is_file()
    assert "IMAGENET1K_V1" in network.weights
    images = np.ones((2, 3, 224, 224), dtype=np.float32)
    images[1] = 3
    X = network.pooled(images)
    assert X.dtype == np.float32
    # In training mode, dropout would zero half of them and double the others.
    assert np.allclose(X, np.array([1, 3])[:, None].repeat(2048, axis=1))


def test_weights_that_cannot_be_fetched_are_one_line(torchvision: ModuleType) -> None:
    torchvision.ResNet50_Weights.IMAGENET1K_V1.url = f"{torchvision.url}.gone"
    with pytest.raises(BenchError, match="could not fetch the weights of ResNet-50"):
        imagenet_resnet50()


class Hostile:
    """Runs code where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_code_in_a_file_of_weights_is_not_run(torchvision: ModuleType, tmp_path: Path) -> None:
    import torch

    torchvision.kept.parent.mkdir(parents=True)
    torch.save({"fc.weight": Hostile(tmp_path / "mark")}, torchvision.kept)
    with pytest.raises(BenchError, match="could not fetch the weights of ResNet-50") as caught:
        imagenet_resnet50()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mark").exists()


def test_weights_other_than_published_are_refused(torchvision: ModuleType, tmp_path: Path) -> None:
    with (tmp_path / torchvision.kept.name).open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(BenchError, match="invalid hash value"):
        imagenet_resnet50()


# Office-31.


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes, six images: the red channel numbers them in the expected order."""
    monkeypatch.setattr(office31, "_CLASS_SIZES", {"amazon": (2, 1), "webcam": (1, 2)})
    wanted = ["amazon/bag/a.jpg", "amazon/bag/b.JPG", "amazon/pen/a.jpg"]
    wanted += ["webcam/bag/a.jpg", "webcam/pen/a.jpg", "webcam/pen/b.jpg"]
    for index, name in reversed(list(enumerate(wanted))):
        picture(tmp_path / "images" / name, (40 * index, 0, 0))
    picture(tmp_path / "images" / "dslr" / "bag" / "a.jpg")
    (tmp_path / "images" / "amazon" / "bag" / "Thumbs.db").write_bytes(b"no image")
    return tmp_path / "images"


def test_office_features_are_built_in_the_order_of_the_names(objects: Path, tmp_path: Path) -> None:
    out = tmp_path / "data" / "office31" / "office31_resnet50.npz"
    Office31().build_from_images(objects, out, STAND_IN)
    file = np.load(out, allow_pickle=False)
    red = (file["X"][:, 0] * 0.3249 + 0.7076) * 255
    assert red == pytest.approx(np.arange(6) * 40, abs=3)
    assert file["y"].tolist() == [0, 0, 1, 0, 1, 1]
    assert file["domain"].tolist() == [0, 0, 0, 1, 1, 1]
    assert file["class_names"].tolist() == ["bag", "pen"]
    assert file["files"][1] == "amazon/bag/b.JPG"
    assert json.loads(str(file["meta"]))["weights"] == "a stand-in"


def test_built_office_features_can_be_loaded(objects: Path, tmp_path: Path) -> None:
    Office31().build_from_images(objects, tmp_path / "data" / "office31" / "office31_resnet50.npz", STAND_IN)
    data = Office31().load(Store((tmp_path / "data",)))
    assert data.X.shape == (6, 2048)
    assert data.y.tolist() == [0, 0, 1, 0, 1, 1]
    assert data.sensitive.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.note.startswith("Features of a stand-in, not of")


def test_the_folders_of_the_original_archive_do_as_well(objects: Path, tmp_path: Path) -> None:
    Office31().build_from_images(objects, tmp_path / "a.npz", STAND_IN)
    for domain in ("amazon", "webcam"):
        (objects / domain).rename(objects / "moved")
        (objects / domain).mkdir()
        (objects / "moved").rename(objects / domain / "images")
    Office31().build_from_images(objects, tmp_path / "b.npz", STAND_IN)
    a, b = (np.load(tmp_path / name, allow_pickle=False) for name in ("a.npz", "b.npz"))
    assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_missing_office_images_are_noticed_before_any_work(objects: Path, tmp_path: Path) -> None:
    (objects / "webcam" / "pen" / "b.jpg").unlink()
    with pytest.raises(
        InvalidInputError, match=r"webcam does not hold the images of Office-31 \(class 1: 1 samples, 2"
    ):
        Office31().build_from_images(objects, tmp_path / "a.npz")
    with pytest.raises(InvalidInputError, match="no folder amazon"):
        Office31().build_from_images(tmp_path, tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


# MTFL.


def line(path: str, gender: int, glasses: int, sep: str = " ") -> str:
    return sep + sep.join([path, *["12.5"] * 10, str(gender), "2", str(glasses), "3"])


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve faces, three in each cell, of which two women and one man are drawn; the red channel is the row."""
    monkeypatch.setattr(mtfl, "_CELL", (2, 1))
    monkeypatch.setattr(mtfl, "_ANNOTATED", (3, 3, 3, 3))
    folder = tmp_path / "MTFL"
    lines: dict[str, list[str]] = {"testing.txt": [], "training.txt": []}
    for row in range(12):
        name, path = ("testing.txt", f"AFLW/{row:02d}.jpg") if row < 5 else ("training.txt", f"lfw\\{99 - row}.jpg")
        lines[name].append(line(path, gender=1 + row % 2, glasses=1 + row // 2 % 2))
        picture(folder / path.replace("\\", "/"), (20 * row, 0, 0))
    for name, text in lines.items():
        (folder / name).write_text("\r\n".join([*text, ""]))
    return folder


def test_annotations_are_read_in_their_order(photographs: Path) -> None:
    faces = read_annotations(photographs)
    assert [face.male for face in faces] == [True, False] * 6
    assert [face.glasses for face in faces] == [True, True, False, False] * 3
    assert faces[5].path == photographs / "lfw" / "94.jpg"


def test_the_features_of_the_subset_are_built(photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "data" / "mtfl" / "mtfl_resnet50.npz"
    Mtfl().build_from_images(photographs, out, STAND_IN)
    file = np.load(out, allow_pickle=False)
    assert file["glasses"].tolist() == [0, 0, 0, 1, 1, 1]
    assert file["y"].tolist() == [0, 0, 1, 0, 0, 1]
    red = (file["X"][:, 0] * 0.2868 + 0.4951) * 255
    assert red == pytest.approx(20 * file["row"], abs=3)
    faces = read_annotations(photographs)
    names = [faces[row].path.name for row in file["row"]]
    assert names[:2] == sorted(names[:2])
    assert names[3:5] == sorted(names[3:5])
    data = Mtfl().load(Store((tmp_path / "data",)))
    assert data.y.tolist() == [0, 0, 1, 0, 0, 1]
    assert data.sensitive.tolist() == [0, 0, 0, 1, 1, 1]


def test_the_draw_is_numpys_legacy_shuffle_of_each_cell_in_turn() -> None:
    male = np.array([False] * 5 + [True] * 5 + [False] * 5 + [True] * 5)
    glasses = np.array([False] * 10 + [True] * 10)
    rng = np.random.RandomState(9116)
    expected = []
    for first, size in ((0, 2), (5, 3), (10, 2), (15, 3)):
        cell = list(range(first, first + 5))
        rng.shuffle(cell)
        expected += cell[:size]
    assert draw_subset(male, glasses, (2, 3)) == expected


def test_too_few_faces_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="1 men without glasses, the subset takes 2"):
        draw_subset(np.array([False, True]), np.array([False, False]), (1, 2))


def test_other_annotations_are_refused_before_any_work(photographs: Path, tmp_path: Path) -> None:
    path = photographs / "testing.txt"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    with pytest.raises(InvalidInputError, match=r"does not hold the annotations of MTFL \(.*3: 2 samples, 3 expected"):
        Mtfl().build_from_images(photographs, tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AFLW/1.jpg 1 2 3", "line 1: a path and 14 numbers"),
        (line("AFLW/1.jpg", 3, 1), "line 1: a path and 14 numbers"),
        (line("AFLW/1.jpg", 1, 0), "glasses 1 or 2"),
        ("\n" + line("../1.jpg", 1, 1), "line 2: .*1.jpg is not inside"),
        (line("/etc/1.jpg", 1, 1), "is not inside"),
        (line("..\\1.jpg", 1, 1), "is not inside"),
    ],
)
def test_lines_of_another_form_are_refused(photographs: Path, text: str, why: str) -> None:
    (photographs / "training.txt").write_text(text)
    with pytest.raises(InvalidInputError, match=why) as caught:
        read_annotations(photographs)
    assert "training.txt" in str(caught.value)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"testing\.txt cannot be read"):
        read_annotations(tmp_path)
