"""The checks of notebook 01: they pass the solution, wait at the stub, and name the typical mistakes."""

import math

import pytest
import torch

from colorlab.checks import lab_color as check
from colorlab.lab import chroma, in_gamut
from colorlab.plots import gamut_slices
from colorlab.toy import recolor
from colorlab.widgets.lightness_slice import (
    describe_lightness_slice,
    lightness_slice_explorer,
    render_lightness_slice,
    ring,
    slice_sizes,
)

STUBS = {"q1": ..., "q2": lambda lab, degrees: ..., "q3": ...}


def in_place(lab, degrees):
    lab[1:] = check.turn(lab, degrees)[1:]
    return lab


def of_radians(lab, degrees):
    return check.turn(lab, math.degrees(degrees))


def all_three(lab, degrees):
    return check.turn(lab, degrees) + torch.tensor([2.5, 0, 0])[:, None, None]


def without_minus(lab, degrees):
    angle = math.radians(degrees)
    L, a, b = lab
    c, s = math.cos(angle), math.sin(angle)
    return torch.stack([L, a * c + b * s, a * s + b * c])


def twice_as_far(lab, degrees):
    return check.turn(lab, 2 * degrees)


@pytest.mark.parametrize(
    "exercise, solution",
    [(check.q1, check.lightness()), (check.q2, check.turn), (check.q3, check.twin())],
)
def test_the_solution_passes(exercise, solution):
    assert exercise(solution).status == "passed", exercise(solution).message


@pytest.mark.parametrize(
    "exercise, answer",
    [
        (check.q1, 42),
        (check.q1, torch.tensor(42.0)),
        (check.q2, lambda lab, degrees: check.turn(lab.double(), degrees).numpy()),
        (check.q3, (21, 123, 249)),
        (check.q3, torch.tensor([19, 149, 8])),  # a green
    ],
)
def test_another_right_answer_passes(exercise, answer):
    assert exercise(answer).status == "passed", exercise(answer).message


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_is_not_attempted(name):
    for stub in (..., STUBS[name]):
        result = getattr(check, name)(stub)
        assert result.status == "not attempted" and "Replace the ..." in result.message


@pytest.mark.parametrize(
    "answer, message",
    [
        (12.5, "that is Y in per cent"),
        (50, "that is the cube root in per cent"),
        (0.5, "that is the cube root alone"),
        (58, "the 16 is still in it"),
        (100 * (1.055 * 0.125 ** (1 / 2.4) - 0.055), "luma, not L*"),
        (116 * 0.125**0.5 - 16, "takes the square root"),
        (0.42, "right but for its scale"),
        (41, "41 is not it"),
        (math.nan, "finite"),
        ("forty-two", "expected L* as one number, got str"),
        ([42, 0, 0], "expected L* as one number, got shape (3,)"),
    ],
)
def test_q1_names_the_mistake(answer, message):
    assert_fails(check.q1(answer), message)


@pytest.mark.parametrize(
    "answer, message",
    [
        (90, "expected a function of (lab, degrees), got int"),
        (lambda lab, degrees: lab, "nothing was turned"),
        (lambda lab, degrees: check.turn(lab, -degrees), "that is clockwise"),
        (of_radians, "it takes 90 as radians"),
        (all_three, "L* moved by up to 2.5"),
        (in_place, "it changes the picture it was given"),
        (lambda lab, degrees: 2 * check.turn(lab, degrees), "L* moved"),
        (
            lambda lab, degrees: torch.cat([lab[:1], 2 * check.turn(lab, degrees)[1:]]),
            "became 2.00 of what it was",
        ),
        (without_minus, "at 90° it mirrors"),
        (twice_as_far, "at 90° the chroma is right and the hue is not"),
        (
            lambda lab, degrees: check.turn(lab, degrees)[1:],
            "expected the picture, L included, as numbers of shape",
        ),
        (lambda lab, degrees: check.turn(lab, degrees) * math.nan, "finite"),
        (lambda lab: lab, "your answer raised TypeError"),
    ],
)
def test_q2_names_the_mistake(answer, message):
    assert_fails(check.q2(answer), message)


def test_the_turn_of_q2_is_the_library_s_where_the_gamut_allows():
    lab = torch.tensor([60.0, 20.0, 10.0]).reshape(3, 1, 1)
    assert in_gamut(check.turn(lab, 120))
    torch.testing.assert_close(check.turn(lab, 120), recolor(lab, 120))


@pytest.mark.parametrize(
    "answer, message",
    [
        ([255, 0, 0], "the same grey, but only 0 Lab units from red"),
        ([127, 127, 127], "the same grey, but only 105 Lab units from red"),
        ([0, 0, 255], "its L* is 32.3, red's is 53.2: a grey photograph tells them apart"),
        ([0, 76, 0], "(their luma agrees, and that is the trap)"),
        ([0.08, 0.48, 0.98], "whole numbers from 0 to 255 (times 255, then round)"),
        ([21.4, 123.0, 249.0], "whole numbers from 0 to 255; round them"),
        ([-20, 140, 260], "R, G and B run from 0 to 255, these from -20 to 260"),
        ([53.2, 20, -70], "R, G and B run from 0 to 255, these from -70 to 53.2"),
        ([21, 123], "expected one colour [R, G, B] as numbers of shape (3,), got shape (2,)"),
        ("blue", "expected one colour [R, G, B] as numbers of shape (3,), got str"),
        ([math.nan, 0, 0], "finite"),
    ],
)
def test_q3_names_the_mistake(answer, message):
    assert_fails(check.q3(answer), message)


def assert_fails(result, message):
    assert result.status == "failed"
    assert message in result.message


@pytest.mark.parametrize("name", STUBS)
def test_no_message_gives_the_solution_away(name):
    exercise = getattr(check, name)
    assert len(exercise.hints) == 2 and all(exercise.hints)
    for wrong in (-1, [1, 2, 3], lambda lab, degrees: lab):
        message = exercise(wrong).message
        assert "42" not in message and "cos" not in message and "123" not in message


# ---- the explorable ------------------------------------------------------------------------------


def test_the_sizes_are_counts_of_displayable_whole_numbers():
    sizes = slice_sizes()
    assert len(sizes) == 101 and sizes[0] == sizes[100] == 1 and max(sizes) == sizes[55]
    side = torch.arange(-110.0, 111.0)
    plane = torch.cartesian_prod(torch.tensor([32.0]), side, side).T[:, None]
    assert sizes[32] == int(in_gamut(plane).sum())


def test_the_ring_has_one_lightness_and_one_chroma():
    lab, shown = ring(55, 50)
    assert lab.shape == (3, 360) and shown.shape == (360,)
    assert (lab[0] == 55).all()
    torch.testing.assert_close(chroma(lab[1:, None])[0], torch.full((360,), 50.0))
    assert shown[0] and not shown[200]  # a pink can be shown, a turquoise of this chroma cannot


@pytest.mark.parametrize("L, chroma", [(55, 50), (0, 0), (100, 0), (32, 130), (50, 0)])
def test_every_state_is_drawn_and_described(L, chroma):
    threads = torch.get_num_threads()
    assert len(render_lightness_slice(L, chroma).axes) == 3
    assert describe_lightness_slice(L, chroma).startswith(
        f"L* = {L}: {slice_sizes()[L]:,} whole-number (a, b)"
    )
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    "L, chroma, says",
    [(50, 0, "360 of 360 hues reach chroma 0 (all)"), (50, 130, "0 of 360 hues reach chroma 130 (none)")],
)
def test_the_sentence_names_the_hues(L, chroma, says):
    assert says in describe_lightness_slice(L, chroma)


def test_a_span_of_hues_may_run_through_zero():
    assert "(282° through 0° to 23°)" in describe_lightness_slice(5, 20)


@pytest.mark.slow
def test_the_explorer_answers_and_resets():
    explorer = lightness_slice_explorer()
    before = explorer.picture.value
    explorer.set(L=32, chroma=120)
    assert explorer.state == {"L": 32, "chroma": 120} and explorer.picture.value != before
    assert "4 of 360 hues" in explorer.caption.value
    buttons = {button.description: button for button in explorer.children[2].children}
    buttons["Reset"].click()
    assert explorer.state == {"L": 55, "chroma": 50} and explorer.picture.value == before


def test_slices_share_one_scale_and_are_named():
    figure = gamut_slices((5, 55), title="a finding")
    assert [ax.get_title() for ax in figure.axes] == ["L* = 5", "L* = 55"]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1
