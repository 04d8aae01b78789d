"""colorlab.data: the free photographs, folders with the odd broken file in them, crops and flips."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from colorlab.data import (
    Crops,
    Evaluation,
    is_original,
    manifest,
    photo,
    photo_file,
    photos,
    random_windows,
    read_folder,
    shrink,
    to_lab,
)
from colorlab.files.media import ImageError
from colorlab.objectives import Regression


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# ---- the free photographs ------------------------------------------------------------------------


def test_three_photographs_to_train_on_and_three_held_out():
    names = {split: [p.name for p in photos(split, side=32)] for split in ("train", "held out", "all")}
    assert len(names["train"]) == len(names["held out"]) == 3
    assert set(names["train"]).isdisjoint(names["held out"])
    assert sorted(names["all"]) == sorted(names["train"] + names["held out"])


@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["name"])
def test_the_file_is_the_one_the_manifest_describes(entry):
    assert is_original(entry)
    assert not is_original(entry | {"sha256": "0" * 64})


@pytest.mark.parametrize("name", [entry["name"] for entry in manifest()])
def test_a_photograph_has_its_papers(name):
    p = photo(name)
    assert p.rgb.dtype == np.uint8 and p.rgb.ndim == 3 and p.rgb.shape[2] == 3 and min(p.rgb.shape[:2]) >= 300
    assert p.author and p.licence and len(p.alt) > 20
    assert torch.equal(p.lab, to_lab(p.rgb))


def test_photographs_can_be_asked_for_small():
    assert photo("coffee", side=40).rgb.shape == (40, 60, 3)


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(ValueError, match=r"expected one of astronaut, .*, got 'lena'"):
        photo("lena")


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match='expected "train", "held out" or "all", got \'test\''):
        photos("test")


@pytest.mark.parametrize("entry", [{"package": "no_such_package"}, {"file": "no/such/file.png"}])
def test_a_missing_photograph_is_named(entry):
    with pytest.raises(FileNotFoundError, match="'astronaut' should lie in the package"):
        photo_file(manifest()[0] | entry)


# ---- folders -------------------------------------------------------------------------------------


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    (tmp_path / "sub").mkdir()
    one, two, three = noise(5, 6, 1), noise(7, 8, 2), noise(9, 3, 3)
    Image.fromarray(two).save(tmp_path / "b.PNG")  # the ending in capitals, as some cameras write it
    Image.fromarray(one).save(tmp_path / "a.bmp")
    Image.fromarray(three).save(tmp_path / "sub" / "c.tif")
    (tmp_path / "notes.txt").write_text("not meant to be a picture, so not worth a word")
    pictures, skipped = read_folder(tmp_path)
    assert all(np.array_equal(p, q) for p, q in zip(pictures, (one, two, three), strict=True))
    assert skipped == {}


def test_unreadable_files_are_skipped_and_named_with_the_reason(tmp_path):
    Image.fromarray(noise(5, 6)).save(tmp_path / "good.png")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("hello")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    pictures, skipped = read_folder(tmp_path)
    assert len(pictures) == 1
    assert set(skipped) == {"empty.jpg", "text.png", "half.png"}
    assert "empty" in skipped["empty.jpg"] and "not a picture" in skipped["text.png"]
    assert "cut short" in skipped["half.png"]


def test_pictures_of_a_folder_can_be_shrunk(tmp_path):
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.png")
    assert read_folder(tmp_path, side=10)[0][0].shape == (10, 15, 3)


def test_a_folder_without_a_readable_picture_is_an_error(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageError, match=r"no readable picture \(1 unreadable\)"):
        read_folder(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_folder(tmp_path / "nowhere")


# ---- shrinking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before, side, after",
    [((20, 30), 10, (10, 15)), ((30, 20), 10, (15, 10)), ((20, 30), None, (20, 30)), ((5, 9), 10, (5, 9))],
)
def test_shrink_sets_the_shorter_side_and_never_enlarges(before, side, after):
    assert shrink(noise(*before), side).shape == (*after, 3)


def test_a_shrunk_picture_becomes_a_tensor_without_a_warning():
    assert shrink(noise(20, 30), 10).flags.writeable


# ---- crops ---------------------------------------------------------------------------------------


def test_every_crop_is_a_window_of_a_picture_or_its_mirror_image():
    pictures, size = [noise(7, 9, 1), noise(6, 6, 2)], 5
    windows = {}  # the bytes of a window -> where it lies, for every window there is
    for i, rgb in enumerate(pictures):
        lab = to_lab(rgb)
        for y in range(rgb.shape[0] - size + 1):
            for x in range(rgb.shape[1] - size + 1):
                window = lab[:, y : y + size, x : x + size]
                windows[window.contiguous().numpy().tobytes()] = (i, y, x, "as it is")
                windows[window.flip(-1).contiguous().numpy().tobytes()] = (i, y, x, "flipped")
    lab, mask = Crops(pictures, size).batch(1000)
    drawn = {windows[crop.numpy().tobytes()] for crop in lab}  # a KeyError is a crop that is no window
    assert drawn == set(windows.values())  # and each is drawn sooner or later
    assert mask.shape == (1000, size, size) and mask.all()


def test_windows_lie_inside_and_half_of_them_are_flipped():
    sizes = [(16, 40), (33, 17)]
    pictures = [torch.zeros(3, *size) for size in sizes]
    flips = 0
    for i, rows, columns in random_windows(pictures, 16, 1000, generator()):
        height, width = sizes[i]
        assert rows.start >= 0 and rows.stop - rows.start == 16 and rows.stop <= height
        assert columns.min() >= 0 and columns.max() < width
        assert (columns.diff().abs() == 1).all() and len(columns) == 16
        flips += bool(columns[0] > columns[-1])
    assert 400 < flips < 600


def test_a_picture_of_exactly_the_size_of_a_crop_will_do():
    lab, _ = Crops([noise(8, 8)], size=8).batch(3)
    assert lab.shape == (3, 3, 8, 8) and lab.dtype == torch.float32


def test_one_seed_draws_one_sequence_of_crops():
    one, same, other = (Crops([noise(20, 20)], 8, seed=seed) for seed in (3, 3, 4))
    first, again = one.batch(4)[0], same.batch(4)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, other.batch(4)[0])
    assert not torch.equal(first, one.batch(4)[0])


def test_a_generator_decides_whatever_was_drawn_before():
    one, other = Crops([noise(20, 20)], 8, seed=3), Crops([noise(20, 20)], 8, seed=4)
    one.batch(7)
    assert torch.equal(one.batch(4, generator(9))[0], other.batch(4, generator(9))[0])


def test_the_global_seed_of_torch_is_neither_used_nor_disturbed():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    drawn = Crops([noise(20, 20)], 8).batch(4)[0]
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(drawn, Crops([noise(20, 20)], 8).batch(4)[0])


def test_photos_are_taken_as_they_are():
    p = photo("coffee", side=32)
    assert torch.equal(Crops([p], 16).pictures[0], p.lab)


def test_the_evaluation_set_is_fixed_and_certain():
    crops = Crops([noise(20, 20)], 8, evaluation_size=6)
    fixed = crops.evaluation()
    crops.batch(5)
    assert torch.equal(fixed.L, crops.evaluation().L)
    assert fixed.L.shape == (6, 1, 8, 8) and fixed.outcomes.shape == (1, 6, 2, 8, 8)
    assert fixed.probabilities.tolist() == [1.0] and fixed.mask.all()


def test_crops_of_nothing_are_refused():
    with pytest.raises(ValueError, match="expected at least one picture and a size >= 1, got 0"):
        Crops([], 8)


def test_a_picture_smaller_than_a_crop_is_refused():
    with pytest.raises(ValueError, match="expected both sides >= size = 8, got 20×7"):
        Crops([noise(20, 20), noise(7, 20)], 8)


# ---- evaluation ----------------------------------------------------------------------------------


def two_outcomes():
    """One picture of two pixels, the right one masked out: ab is (30, 40), or with 0.25 (0, 10)."""
    outcomes = torch.tensor([[30.0, 40.0], [0.0, 10.0]])[:, None, :, None, None].expand(2, 1, 2, 1, 2)
    mask = torch.tensor([[[True, False]]])
    return Evaluation(torch.zeros(1, 1, 1, 2), outcomes, torch.tensor([0.75, 0.25]), mask)


def test_the_loss_is_the_expectation_over_the_outcomes_inside_the_mask():
    output = torch.tensor([0.0, 999.0]).expand(
        1, 2, 1, 2
    )  # what is answered outside the mask is nobody's business
    assert two_outcomes().loss(Regression(), output) == pytest.approx(0.75 * 2500 + 0.25 * 100)


def test_the_chroma_ratio_is_over_the_expected_chroma_inside_the_mask():
    ab = torch.tensor([[3.0, 999.0], [4.0, 999.0]]).reshape(1, 2, 1, 2)
    assert two_outcomes().chroma_ratio(ab) == pytest.approx(5 / (0.75 * 50 + 0.25 * 10))


def test_the_chroma_ratio_is_nan_where_the_truth_is_grey():
    grey = Evaluation(
        torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 2, 1, 2), torch.ones(1), torch.ones(1, 1, 2) > 0
    )
    assert math.isnan(grey.chroma_ratio(torch.ones(1, 2, 1, 2)))


def test_an_answer_at_a_third_of_the_resolution_is_refused():
    with pytest.raises(
        ValueError, match=r"expected the size of ab \(1, 2\), its half \(1, 1\) or its quarter \(1, 1\), got"
    ):
        two_outcomes().loss(Regression(), torch.zeros(1, 2, 1, 3))


def test_at_half_the_resolution_the_outcomes_are_averaged_and_a_pixel_counts_if_all_it_covers_do():
    outcomes = torch.zeros(1, 1, 2, 2, 4)
    outcomes[0, 0, 0] = torch.tensor([[1.0, 3.0, 50.0, 50.0], [5.0, 7.0, 50.0, 50.0]])  # a; b is 0
    mask = torch.tensor([[[True, True, True, True], [True, True, True, False]]])
    evaluation = Evaluation(torch.zeros(1, 1, 2, 4), outcomes, torch.ones(1), mask)
    assert evaluation.loss(Regression(), torch.zeros(1, 2, 1, 2)) == 16.0  # the mean of 1, 3, 5, 7, squared
    assert evaluation.chroma_ratio(torch.full((1, 2, 1, 2), 4.0)) == pytest.approx(2**0.5)


def test_at_a_quarter_too():
    generator = torch.Generator().manual_seed(0)
    outcomes = 30 * torch.randn(2, 1, 2, 9, 5, generator=generator)
    mask = torch.rand(1, 9, 5, generator=generator) < 0.97
    evaluation = Evaluation(torch.zeros(1, 1, 9, 5), outcomes, torch.tensor([0.25, 0.75]), mask)
    output = torch.randn(1, 2, 3, 2, generator=generator)
    squares, counted = 0.0, 0
    for y in range(3):
        for x in range(2):  # the last row and column of blocks are a pixel wide
            block = slice(4 * y, 4 * y + 4), slice(4 * x, 4 * x + 4)
            if mask[(0, *block)].all():
                truth = outcomes[:, 0][(..., *block)].mean((2, 3))
                distance = (110 * output[0, :, y, x] - truth).square().sum(1)
                squares, counted = squares + (0.25 * distance[0] + 0.75 * distance[1]).item(), counted + 1
    assert 0 < counted < 6
    assert evaluation.loss(Regression(), output) == pytest.approx(squares / counted, rel=1e-5)


def test_the_split_is_decided_once_for_all():
    split = {p.name: p.split for p in photos()}
    assert {name for name, part in split.items() if part == "train"} == {"astronaut", "coffee", "china"}
    assert {name for name, part in split.items() if part == "held out"} == {"chelsea", "flower", "rocket"}
