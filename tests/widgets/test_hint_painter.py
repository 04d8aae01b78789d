"""The hint painter: what the network proposes, what a click, a drag and the buttons do, and that nothing is lost."""

import threading
import time

import numpy as np
import pytest
import torch

from colorlab.colorizer import Colorizer, to_picture
from colorlab.data import photo, picture_tensor, to_lab
from colorlab.hints import encode, read_hints
from colorlab.lab import in_gamut, rgb_to_lab
from colorlab.widgets.hint_painter import APART, HintPainter, at_lightness, propose

COFFEE = photo("coffee", side=128).rgb
BLUE = (40, 70, 200)


def ab_of(rgb, x, y):
    return to_lab(rgb)[1:, y, x]


@pytest.fixture(scope="module")
def guided():
    return Colorizer.pretrained("guided")


@pytest.fixture
def painter(guided):
    return HintPainter(guided, COFFEE)


def proposed(colorizer, rgb, hints, x, y, count=6):
    small = colorizer.small_copy(rgb)
    planes = encode(hints, rgb.shape[:2], tuple(small.shape[-2:])) if hints else None
    return propose(colorizer, colorizer.beliefs(small, planes), rgb, x, y, count)


# ---- what the network proposes -------------------------------------------------------------------


@pytest.mark.slow
def test_proposals_are_the_networks_own_and_differ_to_the_eye(guided):
    found = proposed(guided, COFFEE, [], 60, 100)
    assert len(found) == 6
    chances = [proposal.probability for proposal in found]
    assert chances == sorted(chances, reverse=True)
    labs = [rgb_to_lab(torch.tensor(p.rgb, dtype=torch.uint8).reshape(3, 1, 1)).flatten() for p in found]
    own = to_lab(COFFEE)[0, 100, 60]
    for i, lab in enumerate(labs):
        assert lab[0] == pytest.approx(float(own), abs=1)
        assert all((lab - other)[1:].norm() > APART - 3 for other in labs[:i])


@pytest.mark.slow
def test_the_likeliest_proposal_is_the_likeliest_bin_that_fits_the_lightness():
    """On a speck of white the network thinks of the wood around it, and no wood is as light as that."""
    network = Colorizer.pretrained("guided")
    network.working_size, network.by_region = (
        128,
        False,
    )  # no shrinking, no sharing: the answer is asked directly
    centers, unfit = network.objective.bins.centers, 0
    for x, y in [(60, 100), (100, 30), (150, 60), (20, 20), (170, 110)]:
        for rgb in (COFFEE, COFFEE.copy()):
            if rgb is not COFFEE:
                rgb[y, x] = 255
            L = to_lab(rgb)[None, :1]
            with torch.no_grad():
                logits = network.answer(L)[0]
            p = logits[:, y * logits.shape[1] // 128, x * logits.shape[2] // rgb.shape[1]].softmax(0)
            there = torch.cat([L[0, :, y, x].expand(len(centers), 1), centers], dim=1).T[..., None]
            fits = in_gamut(there)[:, 0]  # (Q,)
            best = proposed(network, rgb, [], x, y, count=1)[0]
            assert best.probability == pytest.approx(float(p[fits].max()), abs=1e-4)
            unfit += int(not fits[p.argmax()])
    assert unfit >= 1  # so the gamut did decide


@pytest.mark.slow
def test_a_hint_changes_what_is_proposed_there(guided):
    hinted = proposed(guided, COFFEE, [(60, 100, at_lightness(COFFEE, 60, 100, BLUE))], 60, 100)
    blueness = [p.rgb[2] - p.rgb[0] for p in (hinted[0], proposed(guided, COFFEE, [], 60, 100)[0])]
    assert blueness[0] > blueness[1] + 30


# ---- painting ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hint_moves_the_colors_near_it_far_more_than_those_far_away(painter):
    before = painter.answer
    height, width = painter.rgb.shape[:2]
    x, y = int(0.3 * width), int(0.8 * height)  # on the saucer
    painter.click(0.3, 0.8)
    painter.put(BLUE)
    wanted = ab_of(np.uint8([[at_lightness(COFFEE, x, y, BLUE)]]), 0, 0)
    distances = [(ab_of(answer, x, y) - wanted).norm().item() for answer in (before, painter.answer)]
    assert distances[1] < 0.5 * distances[0]
    far = [ab_of(answer, width - 5, 5) for answer in (before, painter.answer)]
    near = [ab_of(answer, x, y) for answer in (before, painter.answer)]
    assert (far[0] - far[1]).norm() < (near[0] - near[1]).norm() / 3


@pytest.mark.slow
def test_what_is_seen_of_the_photograph_is_its_lightness_alone(guided):
    L = to_lab(COFFEE)[:1]
    grey = to_picture(torch.cat([L, torch.zeros(2, *L.shape[1:])]))
    difference = np.abs(HintPainter(guided, grey).answer.astype(int) - HintPainter(guided, COFFEE).answer)
    assert difference.mean() < 1  # what rounding L to 256 greys costs


@pytest.mark.slow
def test_a_second_color_at_the_same_place_replaces_the_first(painter):
    painter.click(0.5, 0.5)
    painter.put(BLUE)
    painter.put((200, 30, 30))
    assert len(painter.hints) == 1
    assert painter.hints[0][2][0] > painter.hints[0][2][2]


@pytest.mark.slow
def test_undo_and_clear_go_back_to_the_pictures_before(painter):
    answers = [painter.answer]
    for x in (0.2, 0.5, 0.8):
        painter.click(x, 0.5)
        painter.put(BLUE)
        answers.append(painter.answer)
    painter.undo()
    assert np.array_equal(painter.answer, answers[2])
    painter.clear()
    assert np.array_equal(painter.answer, answers[0]) and painter.hints == []
    painter.undo()  # the Clear
    assert np.array_equal(painter.answer, answers[2])
    painter.click(0.2, 0.2, start=(0.5, 0.5))  # moves a hint
    assert not np.array_equal(painter.answer, answers[2])
    for wanted in (answers[2], answers[1], answers[0]):  # back to the beginning
        painter.undo()
        assert np.array_equal(painter.answer, wanted)
    painter.undo()
    assert painter.hints == [] and painter.message.value == "Nothing to undo."


@pytest.mark.slow
def test_a_drag_that_begins_on_a_hint_moves_it_and_another_does_not(painter):
    painter.click(0.3, 0.5)
    painter.put(BLUE)
    painter.click(0.7, 0.5, start=(0.3, 0.5))
    width = painter.rgb.shape[1]
    assert [hint[0] for hint in painter.hints] == [int(0.7 * width)]
    painter.click(0.1, 0.1, start=(0.9, 0.9))  # began on nothing: only a place is chosen
    assert [hint[0] for hint in painter.hints] == [int(0.7 * width)]
    assert painter.place == (int(0.1 * width), int(0.1 * painter.rgb.shape[0]))


@pytest.mark.slow
def test_a_hint_is_taken_away_and_put_elsewhere_without_a_pointer_that_drags(painter):
    for x in (0.3, 0.7):
        painter.click(x, 0.5)
        painter.put(BLUE)
    two, answer = painter.hints, painter.answer
    painter.click(0.3, 0.5)
    painter.take_away()
    assert painter.hints == two[1:]
    painter.take_away()  # nothing there any more
    assert painter.hints == two[1:]
    assert "No hint at" in painter.message.value
    painter.undo()
    assert painter.hints == two
    assert np.array_equal(painter.answer, answer)


@pytest.mark.slow
def test_the_palette_buttons_put_their_color(painter):
    painter.click(0.3, 0.8)
    swatch = painter.palette.children[1]
    swatch.click()
    assert "#{:02x}{:02x}{:02x}".format(*painter.hints[0][2]) == swatch.tooltip[:7]


@pytest.mark.slow
def test_what_is_kept_between_answers_changes_none_of_them(guided, painter):
    """Features of the photograph and the last beliefs are kept; the answer is that of a call that knows nothing."""
    for x, color in ((40, BLUE), (40, (200, 40, 40)), (120, (200, 40, 40)), (40, BLUE)):
        painter.set([(x, 60, color)])
        guided.colorize(photo("chelsea", side=64).rgb)  # another picture comes between
        assert np.array_equal(painter.answer, guided.colorize(COFFEE, hints=painter.hints))
        fresh = proposed(guided, COFFEE, painter.hints, *painter.place)
        assert [b.tooltip[:7] for b in painter.palette.children] == [
            "#{:02x}{:02x}{:02x}".format(*p.rgb) for p in fresh
        ]


@pytest.mark.slow
def test_the_palette_keeps_its_buttons(painter):
    """Whoever goes through the colours by keyboard stays on the button pressed."""
    before = painter.palette.children
    painter.click(0.3, 0.8)
    before[1].click()
    common = min(len(before), len(painter.palette.children))
    assert common > 1 and painter.palette.children[:common] == before[:common]
    assert "#{:02x}{:02x}{:02x}".format(*painter.hints[0][2]) in {b.tooltip[:7] for b in before}


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_hints_are_saved_and_loaded_again(painter, tmp_path):
    painter.file.value = str(tmp_path / "blue.json")
    painter.click(0.3, 0.8)
    painter.put(BLUE)
    painter.save()
    kept, answer = painter.hints, painter.answer
    assert read_hints(painter.file.value) == kept
    painter.clear()
    painter.load()
    assert painter.hints == kept and np.array_equal(painter.answer, answer)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["no json", '{"hints": [{"x": 9999, "y": 1, "rgb": [1, 2, 3]}]}'])
def test_a_file_that_cannot_be_loaded_leaves_the_hints(painter, tmp_path, text):
    painter.click(0.3, 0.8)
    painter.put(BLUE)
    kept = painter.hints
    painter.file.value = str(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text(text)
    painter.load()
    assert painter.hints == kept and "Not loaded" in painter.message.value


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_said(painter, tmp_path):
    painter.file.value = str(tmp_path / "nowhere" / "<b>.json")
    painter.save()
    assert "Not saved" in painter.message.value and "<b>." not in painter.message.value


def test_a_network_without_hints_is_refused():
    with pytest.raises(ValueError, match="expected a guided classification"):
        HintPainter(Colorizer.pretrained("classification"), COFFEE)


@pytest.mark.slow
def test_who_changes_their_mind_sees_the_proposals_as_before(painter):
    painter.click(0.4, 0.5)
    before = [(button.description, button.tooltip) for button in painter.palette.children]
    painter.put((200, 40, 40))
    assert [(button.description, button.tooltip) for button in painter.palette.children] == before
    assert painter.message.value == "1 hint."
    painter.click(0.7, 0.5)  # elsewhere the hint counts
    elsewhere = [button.tooltip for button in painter.palette.children]
    painter.clear()
    assert [button.tooltip for button in painter.palette.children] != elsewhere


@pytest.mark.slow
def test_hints_on_a_large_photograph_are_in_its_own_pixels(guided, tmp_path):
    """So that the command line, which reads the photograph itself, puts them where they were clicked."""
    large = photo("coffee").rgb  # (400, 600, 3), shown smaller
    painter = HintPainter(guided, large)
    assert painter.rgb.shape == (256, 384, 3)
    painter.click(0.75, 0.25)
    painter.put(BLUE)
    ((x, y, color),) = painter.hints
    assert (x, y) == (450, 100)
    painter.file.value = str(tmp_path / "hints.json")
    painter.save()
    assert read_hints(tmp_path / "hints.json") == [(450, 100, color)]
    seen, wanted = painter.answer, guided.colorize(large, hints=painter.hints)
    near = [
        picture_tensor(p)[:, y - 4 : y + 4, x - 4 : x + 4]
        for p, y, x in ((seen, 64, 288), (wanted, 100, 450))
    ]
    apart = [rgb_to_lab(p)[1:].mean((1, 2)) for p in near]
    assert (apart[0] - apart[1]).norm() < 3
    with pytest.raises(ValueError, match="700"):
        painter.set([(700, 100, BLUE)])
    assert len(painter.hints) == 1


@pytest.mark.slow
def test_a_file_that_holds_something_else_is_not_replaced(painter, tmp_path):
    painter.put(BLUE)
    for name, content in (("letter.json", "precious"), ("a\0b.json", None)):
        if content:
            (tmp_path / name).write_text(content)
        painter.file.value = str(tmp_path / name)
        painter.save()
        assert "Not saved" in painter.message.value
    assert (tmp_path / "letter.json").read_text() == "precious"
    painter.file.value = str(tmp_path / "mine.json")
    for _ in range(2):  # one's own hints are
        painter.save()
        assert "written to" in painter.message.value


@pytest.mark.slow
def test_numbers_of_any_kind_are_hints(painter):
    painter.set([(np.float32(3), 4, (1.0, 2.0, 3.0))])
    assert painter.hints == [(3.0, 4.0, (1, 2, 3))]


@pytest.mark.slow
def test_a_hint_elsewhere_is_not_taken_hold_of(painter):
    """NEAR is 3 % of the shorter side."""
    for x in (0.4, 0.5):
        painter.click(x, 0.5)
        painter.put(BLUE)
    assert len(painter.hints) == 2


@pytest.mark.slow
def test_an_undo_that_comes_while_a_hint_is_coloured_waits_and_takes_it_back(painter, monkeypatch):
    """JupyterLab hands messages to several threads of the kernel."""
    begun, ab_from = threading.Event(), painter.colorizer.ab_from

    def slowly(*words, **options):
        begun.set()
        time.sleep(0.2)
        return ab_from(*words, **options)

    monkeypatch.setattr(painter.colorizer, "ab_from", slowly)
    other = threading.Thread(target=painter.put, args=[BLUE])
    other.start()
    assert begun.wait(60)
    painter.undo()
    other.join()
    assert painter.hints == []
