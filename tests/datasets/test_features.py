"""Office-31 and MTFL from features files: made-up ones, and the real ones where they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bench.datasets import office31
from bench.datasets._faces import draw_subset
from bench.datasets._features import Scale, read_features, squash, weights_note, write_features
from bench.datasets.mtfl import Mtfl
from bench.datasets.office31 import Office31
from sklearn.cluster import KMeans

from bench.adapters import FairData
from bench.data.store import Store
from bench.errors import InvalidInputError, MissingDataError
from bench.metrics import ceilings, evaluate

PQF = "ResNet-50 product-quantised; sha256 f237e2540d8fc39ad0a27b371634fbc7b8131cb9c3bd8409e10355dfa9152258"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A data set of features and a made-up file of its sizes."""

    adapter: type
    path: str
    arrays: Arrays

    def load(self, folder: Path, changes: Arrays | None = None, **params: object) -> FairData:
        path = folder / self.path
        path.parent.mkdir(exist_ok=True)
        arrays = {name: array for name, array in (self.arrays | (changes or {})).items() if array is not None}
        np.savez(path, **arrays)
        return self.adapter(**params).load(Store((folder,)))


def features(n: int) -> np.ndarray:
    return np.abs(np.random.default_rng(0).normal(size=(n, 2048), scale=0.2)).astype(np.float16)


def meta(weights: str = PQF) -> np.ndarray:
    return np.array(json.dumps({"dataset": "made up", "weights": weights}))


@pytest.fixture(scope="module")
def office() -> Case:
    """Amazon and webcam in their true sizes, and five images of DSLR."""
    sizes = office31._CLASS_SIZES
    y = np.concatenate([np.repeat(np.arange(31), sizes["amazon"]), np.repeat(np.arange(31), sizes["webcam"]), range(5)])
    arrays = {
        "X": features(len(y)),
        "y": y.astype(np.int16),
        "domain": np.repeat(np.arange(3), [2817, 795, 5]).astype(np.int8),
        "class_names": np.array([f"object_{i:02d}" for i in range(31)]),
        "domain_names": np.array(["amazon", "webcam", "dslr"]),
        "meta": meta(),
    }
    return Case(Office31, "office31/office31_resnet50.npz", arrays)


@pytest.fixture(scope="module")
def faces() -> Case:
    arrays = {
        "X": features(2000),
        "y": np.tile(np.repeat([0, 1], [346, 654]), 2).astype(np.int8),
        "glasses": np.repeat([0, 1], 1000).astype(np.int8),
        "meta": meta(),
    }
    return Case(Mtfl, "mtfl/mtfl_resnet50.npz", arrays)


@pytest.fixture(params=["office", "faces"])
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.getfixturevalue(request.param)
    return made


def test_office_leaves_dslr_out(office: Case, tmp_path: Path) -> None:
    data = office.load(tmp_path)
    assert data.X.shape == (3612, 2048)
    assert data.X.dtype == np.float32
    assert np.bincount(data.sensitive).tolist() == [2817, 795]
    assert data.group_names == ("amazon", "webcam")
    assert data.class_names[:2] == ("object_00", "object_01")
    assert np.array_equal(data.y, office.arrays["y"][:3612])


def test_office_ceilings_follow_from_its_class_sizes(office: Case, tmp_path: Path) -> None:
    data = office.load(tmp_path)
    limits = ceilings(data.y, data.sensitive)
    assert round(100 * limits["balance"], 2) == 14.63
    assert round(100 * limits["balance_ceiling"], 2) == 28.22
    assert round(100 * limits["mnce"], 2) == 72.46


def test_office_domains_are_found_by_name(office: Case, tmp_path: Path) -> None:
    usual = office.load(tmp_path)
    renumbered = np.array([2, 0, 1], dtype=np.int8)[office.arrays["domain"]]
    other = office.load(tmp_path, {"domain": renumbered, "domain_names": np.array(["webcam", "dslr", "amazon"])})
    assert other.content_hash() == usual.content_hash()


def test_faces_are_balanced(faces: Case, tmp_path: Path) -> None:
    data = faces.load(tmp_path)
    assert data.X.shape == (2000, 2048)
    assert data.class_names == ("female", "male")
    assert data.group_names == ("without glasses", "with glasses")
    limits = ceilings(data.y, data.sensitive)
    assert (limits["balance"], limits["balance_ceiling"]) == (1.0, 1.0)
    assert limits["mnce"] == pytest.approx(1.0)


def test_features_are_scaled_by_their_own_mean_and_deviation(case: Case, tmp_path: Path) -> None:
    data = case.load(tmp_path)
    raw = case.arrays["X"][: data.n].astype(np.float64)
    assert np.allclose(data.X, np.tanh((raw - raw.mean()) / raw.std()), atol=1e-5)


@pytest.mark.parametrize(("fixture", "m", "s"), [("office", 0.3970964, 0.4306060), ("faces", 0.3494997, 0.3805956)])
def test_the_papers_constants_are_an_option(
    fixture: str, m: float, s: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    case = request.getfixturevalue(fixture)
    data = case.load(tmp_path, scaling="paper")
    raw = case.arrays["X"][: data.n].astype(np.float64)
    assert np.allclose(data.X, np.tanh((raw - m) / s), atol=1e-6)


def test_another_scaling_is_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="scaling='none' given; it takes data or paper"):
        case.load(tmp_path, scaling="none")


def test_squash_by_hand() -> None:
    X = np.array([[0.0, 2.0]], dtype=np.float32)
    assert np.allclose(squash(X, "data", Scale(9.0, 9.0), "x"), np.tanh([[-1.0, 1.0]]))
    X = np.array([[0.0, 2.0]], dtype=np.float32)
    assert np.allclose(squash(X, "paper", Scale(1.0, 2.0), "x"), np.tanh([[-0.5, 0.5]]))


def test_the_note_names_the_weights(case: Case, tmp_path: Path) -> None:
    note = case.load(tmp_path).note
    assert note.startswith("ResNet-50 (PQF) features, not of the weights that the paper uses")
    other = case.load(tmp_path, {"meta": meta("a network of mine")})
    assert other.note.startswith("Features of a network of mine, not of the weights that the paper uses")
    assert other.content_hash() != case.load(tmp_path).content_hash()


def test_the_papers_weights_need_no_warning() -> None:
    assert weights_note("resnet50-0676ba61.pth") == "ResNet-50 (torchvision IMAGENET1K_V1) features"
    assert len(weights_note("x" * 500)) < 200


BAD: list[tuple[str, dict, str]] = [
    ("lacks meta", {"meta": None}, "lacks meta"),
    ("lacks y", {"y": None}, "lacks y"),
    ("objects", {"y": np.array([{}], dtype=object)}, "pickled objects"),
    ("narrow", {"X": np.ones((2000, 512), np.float16)}, r"X is float16 \(2000, 512\) instead of float \(n, 2048\)"),
    ("bytes", {"X": np.ones((2000, 2048), np.uint8)}, "X is uint8"),
    ("short", {"y": np.zeros(7, np.int8)}, r"y is int8 \(7,\) instead of integer"),
    ("fractions", {"y": np.zeros(2000)}, "y is float64"),
    ("nan", {"X": np.full((2000, 2048), np.nan, np.float16)}, "NaN"),
    ("constant", {"X": np.ones((2000, 2048), np.float16)}, "constant"),
    ("no json", {"meta": np.array("ResNet")}, "weights"),
    ("no weights", {"meta": np.array('{"dataset": "MTFL"}')}, "weights"),
    ("blank", {"meta": np.array('{"weights": " "}')}, "weights"),
    ("list", {"meta": np.array("[1]")}, "weights"),
    ("one more man", {"y": np.tile(np.repeat([0, 1], [345, 655]), 2)}, "gender 0: 345 samples, 346 expected"),
    ("third gender", {"y": np.r_[[2], np.zeros(1999, np.int8)].astype(np.int8)}, "expected"),
]


@pytest.mark.parametrize(("changes", "why"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_other_files_are_refused_by_name(faces: Case, tmp_path: Path, changes: dict, why: str) -> None:
    with pytest.raises(MissingDataError, match=rf"mtfl_resnet50\.npz cannot be used: .*{why}") as caught:
        faces.load(tmp_path, changes)
    assert "\n" not in str(caught.value)


def test_one_row_too_many_is_refused(faces: Case, tmp_path: Path) -> None:
    longer = {name: np.concatenate([faces.arrays[name], faces.arrays[name][:1]]) for name in ("X", "y")}
    longer["glasses"] = np.append(faces.arrays["glasses"], np.int8(2))
    with pytest.raises(MissingDataError, match="gender 4: 1 samples, 0 expected"):
        faces.load(tmp_path, longer)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"domain_names": np.array(["amazon", "dslr", "caltech"])}, "no domain webcam"),
        ({"class_names": np.array(["one", "two"])}, "2 class_names"),
        ({"class_names": np.arange(31)}, "class_names is int64"),
        ({"domain": None}, "lacks domain"),
    ],
)
def test_other_office_files_are_refused(office: Case, tmp_path: Path, changes: dict, why: str) -> None:
    with pytest.raises(MissingDataError, match=why):
        office.load(tmp_path, changes)


def test_an_office_image_in_the_wrong_class_is_noticed(office: Case, tmp_path: Path) -> None:
    y = office.arrays["y"].copy()
    y[0] = 1
    with pytest.raises(MissingDataError, match="amazon class 0: 91 samples, 92 expected"):
        office.load(tmp_path, {"y": y})


def test_a_missing_file_says_how_to_make_it(case: Case, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="--from-images"):
        case.adapter().load(Store((tmp_path,)))


def test_written_features_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.npz"
    X = features(3).astype(np.float32)
    write_features(path, X, {"weights": "mine  alone"}, y=np.array([0, 1, 0]), names=np.array(["a", "b"]))
    found = read_features(path, ("y",), ("names",))
    assert np.array_equal(found.X, X)
    assert found.labels["y"].tolist() == [0, 1, 0]
    assert found.names["names"] == ("a", "b")
    assert found.weights == "mine alone"


def test_features_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    write_features(path, features(2), {"weights": "old"})
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        write_features(path, features(2), {"weights": "new"})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


# The real files.


def real(adapter: type) -> FairData:
    missing = Store.default().missing(adapter().files())
    if missing:
        pytest.skip(f"no folder in BENCH_DATA holds {missing[0].path}")
    data: FairData = adapter().load(Store.default())
    return data


def test_real_office_sizes_ceilings_and_kmeans() -> None:
    data = real(Office31)
    assert data.X.shape == (3612, 2048)
    assert np.abs(data.X).max() <= 1
    limits = ceilings(data.y, data.sensitive)
    assert round(100 * limits["balance"], 2) == 14.63
    assert round(100 * limits["balance_ceiling"], 2) == 28.22
    labels = KMeans(31, n_init=10, random_state=0).fit_predict(data.X)
    scores = evaluate(data.y, labels, data.sensitive)
    assert 100 * scores["acc"] == pytest.approx(64, abs=3)
    assert 100 * scores["nmi"] == pytest.approx(69, abs=1.5)


def test_real_faces_ceilings_and_kmeans() -> None:
    data = real(Mtfl)
    limits = ceilings(data.y, data.sensitive)
    assert (limits["balance"], limits["balance_ceiling"]) == (1.0, 1.0)
    labels = KMeans(2, n_init=10, random_state=0).fit_predict(data.X)
    scores = evaluate(data.y, labels, data.sensitive)
    assert 100 * scores["acc"] == pytest.approx(71, abs=1.5)


def test_the_subset_of_the_real_annotations_is_drawn_again() -> None:
    real(Mtfl)
    path = Store.default().locate(Mtfl().files()[0]).paths[0]
    file = np.load(path, allow_pickle=False)
    if "all_male" not in file.files:
        pytest.skip(f"{path.name} does not hold the labels of all faces")
    rows = draw_subset(file["all_male"] == 1, file["all_glasses"] == 1, (346, 654))
    assert len(rows) == 2000
    assert sorted(rows) == sorted(file["row"].tolist())
