"""The blind test: it counts what was answered, gives nothing away, and its interval is Wilson's."""

import io

import numpy as np
import pytest
from PIL import Image

from colorlab.widgets.blind_test import BlindTest, interval

RED, BLUE = (np.full((24, 24, 3), color, np.uint8) for color in ((200, 40, 40), (40, 40, 200)))


def upload(test: BlindTest, name: str, content: bytes) -> None:
    """What the browser does when a reader has chosen a file."""
    test.upload._handle_custom_msg({"name": name}, [memoryview(content)])


def test_right_and_wrong_answers_are_counted_and_the_rate_told():
    test = BlindTest(lambda rgb: rgb, [RED.copy(), RED.copy()])
    test.buttons[test.truth].click()
    test.buttons["left" if test.truth == "right" else "right"].click()
    assert test.answers == [True, False]
    assert "1 of 2 right: 50%" in test.message.value
    assert "No: it was the" in test.message.value


@pytest.mark.slow
def test_the_side_is_drawn_by_lot_and_the_seed_draws_it_again():
    def sides(seed):
        test = BlindTest(lambda rgb: rgb, [RED], seed)
        found = []
        for _ in range(20):  # of one photograph only the first counts
            found.append(test.truth)
            test.answer("left")
        return found

    assert sides(0) == sides(0) != sides(1)
    assert 4 < sides(0).count("left") < 16


def test_only_the_first_answer_about_a_photograph_counts():
    test = BlindTest(lambda rgb: rgb, [RED, BLUE])
    for side in ("left", "right", "left"):
        test.answer(side)
    assert len(test.answers) == 2
    assert "Not counted, its answer was known." in test.message.value
    assert "of 2 right" in test.message.value


@pytest.mark.parametrize("rounds", range(8))
def test_a_photograph_of_the_readers_own_is_asked_next_whenever_it_comes(rounds):
    seen = []
    test = BlindTest(lambda rgb: seen.append(rgb) or rgb, [RED, RED, RED])
    for _ in range(rounds):
        test.answer("left")
    file = io.BytesIO()
    Image.fromarray(BLUE).save(file, "PNG")
    upload(test, "own.png", file.getvalue())
    assert (seen[-1] == BLUE).all()
    assert "own.png" in test.message.value


def test_a_file_too_large_for_a_notebooks_connection_is_refused_in_words():
    test = BlindTest(lambda rgb: rgb, [RED])
    test.upload._handle_custom_msg({"name": "scan.tif", "size": 24_000_000}, [])
    assert "scan.tif cannot be used" in test.message.value
    assert "24.0 MB" in test.message.value


def test_a_photograph_of_the_readers_own_is_asked_next_and_a_broken_one_is_named():
    seen = []
    test = BlindTest(lambda rgb: seen.append(rgb) or rgb, [RED, RED])
    file = io.BytesIO()
    Image.fromarray(BLUE).save(file, "PNG")
    upload(test, "own.png", file.getvalue())
    assert (seen[-1] == BLUE).all()
    assert "own.png" in test.message.value
    upload(test, "<b>.png", b"no picture")
    assert "&lt;b&gt;.png cannot be used" in test.message.value
    assert test.answers == []


def test_the_interval_is_wilsons():
    assert interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)  # as published tables have it
    assert interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)
    with pytest.raises(ValueError, match="at least one"):
        BlindTest(lambda rgb: rgb, [])
