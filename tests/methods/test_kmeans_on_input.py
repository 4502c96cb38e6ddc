import numpy as np
from bench.methods.kmeans import KMeansOnInput
from sklearn.cluster import KMeans


def samples(n=120):
    rng = np.random.default_rng(0)
    return (rng.integers(3, size=(n, 1)) * 4 + rng.normal(size=(n, 5))).astype(np.float32)


def test_agrees_with_scikit_learn():
    X = samples()
    ours = KMeansOnInput(3, random_state=4).fit(X, sensitive_features=np.zeros(len(X))).labels_
    theirs = KMeans(3, n_init=10, random_state=np.random.RandomState(4)).fit(X).labels_
    assert np.array_equal(ours, theirs)


def test_images_are_clustered_as_rows_of_pixels():
    images = samples(40).repeat(4, axis=1)[:, :16]
    groups = np.zeros(40)
    flat = KMeansOnInput(3, random_state=0).fit(images, sensitive_features=groups).labels_
    square = KMeansOnInput(3, random_state=0).fit(images.reshape(40, 1, 4, 4), sensitive_features=groups).labels_
    assert np.array_equal(flat, square)


def test_without_a_seed_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    KMeansOnInput(3).fit(samples(), sensitive_features=np.zeros(120))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_n_init_and_max_iter_reach_the_algorithm():
    X = samples()
    ours = KMeansOnInput(6, n_init=1, max_iter=1, random_state=0)
    theirs = KMeans(6, n_init=1, max_iter=1, random_state=np.random.RandomState(0))
    assert np.array_equal(ours.fit(X, sensitive_features=np.zeros(120)).labels_, theirs.fit(X).labels_)
