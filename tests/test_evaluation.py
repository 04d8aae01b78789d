"""colorlab.evaluation against what `colorize` gives, measured apart; and what a global hint tells a network."""

import json
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from PIL import Image

from colorlab import evaluation
from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.data import photo, shrink, to_lab
from colorlab.datasets import DataError, hash_percent, middle_square, open_collection
from colorlab.evaluation import (
    AT_ONCE,
    Report,
    answers_of,
    global_hints,
    judge,
    predict,
    recorded,
    report,
    saturated,
    squares,
)
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS, global_bins, global_hint
from colorlab.lab import chroma
from colorlab.metrics import Tally, intervals, score, segments_of, to_labs
from colorlab.networks.base import Trunk
from colorlab.networks.unet import UNet
from colorlab.objectives import AB_SCALE, Classification, Regression

COLORS = torch.tensor([[62.0, 3.0], [-42.0, 37.0], [12.0, -53.0], [33.0, 31.0]])  # a, b; no bin's centre


class Obedient(Trunk):
    """Answers the mean colour of the histogram it is given everywhere, and grey without one."""

    multiple, answer_every, vector = 1, 1, GLOBAL_LENGTH
    head = torch.nn.Identity()

    def __init__(self):
        super().__init__()
        self.config = dict(in_channels=1, out_channels=2, vector=GLOBAL_LENGTH)
        self.nothing = torch.nn.Parameter(torch.zeros(1))  # a colorizer asks where its weights are

    def last_features(self, x, vector):
        mean = vector[:, : global_bins().n_bins] @ global_bins().centers / AB_SCALE
        return mean[:, :, None, None].expand(-1, -1, *x.shape[-2:])


def flat(n=4, side=4):
    """(n, 3, side, side): pictures of one colour each, in turns, all of L 50."""
    ab = COLORS[torch.arange(n) % len(COLORS)][:, :, None, None].expand(-1, -1, side, side)
    return torch.cat([torch.full((n, 1, side, side), 50.0), ab], dim=1)


def unet(**options):
    torch.manual_seed(0)
    return UNet(1, 2, width=4, depth=1, vector=GLOBAL_LENGTH, **options)


def test_a_network_that_obeys_is_right_with_its_own_hint_grey_without_and_wrong_with_anothers():
    lab = flat()
    found = global_hints(Colorizer(Obedient(), Regression()), lab)
    assert list(found) == ["none", "its own", "another's"]
    scores = {name: row.scores for name, row in found.items()}
    grey = score(list(torch.zeros(4, 2, 4, 4)), list(lab))
    assert scores["none"] == pytest.approx(grey)
    assert scores["none"]["chroma_ratio"] == 0
    assert scores["its own"]["psnr"] > 30 > 20 > scores["another's"]["psnr"]  # all within half a bin
    before = list(lab.roll(1, dims=0)[:, 1:])  # the colours of a neighbour
    assert scores["another's"]["auc"] == pytest.approx(score(before, list(lab))["auc"], abs=2)
    for row in found.values():
        low, high = row.interval["psnr"]
        assert low <= row.scores["psnr"] <= high


@pytest.mark.slow
def test_every_picture_gets_its_own_hint_in_batches_too():
    lab = flat(AT_ONCE + 6)
    own = torch.cat([global_hint(one) for one in lab.split(1)])
    colorizer = Colorizer(Obedient(), Regression())
    found = predict(colorizer, lab, like=own)
    assert found.shape == (AT_ONCE + 6, 2, 4, 4)
    assert ((found - lab[:, 1:]).norm(dim=1) < 7.1).all()  # half of a bin's diagonal
    assert global_hints(colorizer, lab)["its own"].scores == Tally.of(list(found), list(lab)).scores()


def test_for_a_network_that_ignores_the_hint_all_three_are_the_same():
    found = global_hints(Colorizer(unet(), Regression()), flat())  # as it is built, it does
    assert found["none"] == found["its own"] == found["another's"]


def test_for_one_that_heeds_it_no_two_are_the_same():
    network = unet()
    torch.nn.init.normal_(network.fuse.mix.weight)
    found = [row.scores["psnr"] for row in global_hints(Colorizer(network, Regression()), flat()).values()]
    assert len(set(found)) == 3


def test_a_network_that_takes_none_is_refused():
    with pytest.raises(ValueError, match="without global hints"):
        global_hints(Colorizer(UNet(1, 2, width=4, depth=1), Regression()), flat())


# ---- pictures and networks to judge --------------------------------------------------------------


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Flicker has tests of its own; and two factors of saturation will do."""
    seen = {"flicker": 1.0, "rebalanced_auc": 50.0}
    monkeypatch.setattr(evaluation, "flicker_of", lambda network: {"by_frame": seen, "smoothed": seen})
    monkeypatch.setattr(evaluation, "FACTORS", (1.0, 2.0))


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Six photographs of different shapes in two folders."""
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    for n, name in enumerate(("astronaut", "coffee", "china", "chelsea", "flower", "rocket")):
        folder = tmp_path / "album" / ("one" if n < 4 else "two")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(name, side=48 + 2 * n).rgb).save(folder / f"{name}.png")
    return tmp_path / "album"


BINS = ColorBins(40)


def colorizer(objective=None, in_channels=1, vector=0, seed=0, vivid=1.0, **options):
    objective = objective or Regression()
    torch.manual_seed(seed)
    network = UNet(in_channels, objective.out_channels, width=4, depth=1, vector=vector)
    network.head.weight.data *= vivid
    return Colorizer(network.eval(), objective, working_size=16, **options)


def saved(tmp_path, name="m", **options):
    return str(colorizer(**options).save(tmp_path / f"{name}.safetensors"))


def pictures_of(album):
    """In the order of a collection."""
    return [np.asarray(Image.open(path)) for path in sorted(album.rglob("*.png"))]


def scored(network, pictures, **how):
    """What `colorize` gives, measured without `colorlab.evaluation`."""
    labs = to_labs(pictures)
    answers = [to_lab(network.colorize(rgb, **how))[1:] for rgb in pictures]
    return Tally.of(answers, labs, [segments_of(rgb) for rgb in pictures]).scores()


# ---- whole pictures, as they are coloured --------------------------------------------------------


@pytest.mark.slow
def test_the_figures_are_those_of_the_pictures_that_colorize_gives(album, tmp_path):
    network = colorizer(vivid=3)
    found = report(album, (str(network.save(tmp_path / "m.safetensors")),))
    rows = {name: row.scores for name, row in found.rows.items()}
    pictures = pictures_of(album)
    assert rows["m"] == pytest.approx(scored(network, pictures), rel=1e-6)
    assert found.data == {
        "name": "album",
        "key": open_collection(album, 192).key,
        "part": "all",
        "without": [],
        "pictures": 6,
    }
    labs = to_labs(pictures)
    grey = score([torch.zeros_like(lab[1:]) for lab in labs], labs)
    assert {key: rows["grey"][key] for key in grey} == pytest.approx(grey)
    for name, row in found.rows.items():
        for measure, (low, high) in row.interval.items():
            assert low - 1e-9 <= high, name
            assert low - 1e-9 <= rows[name][measure] <= high + 1e-9 or measure == "rebalanced_auc"


@pytest.mark.slow
def test_large_pictures_are_shrunk_first(album, tmp_path):
    large = photo("coffee", side=300).rgb
    Image.fromarray(large).save(album / "one" / "large.png")
    network = colorizer()
    found = report(album, (str(network.save(tmp_path / "m.safetensors")),))
    pictures = [shrink(rgb, 216) for rgb in pictures_of(album)]
    assert found.rows["m"].scores == pytest.approx(scored(network, pictures), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("by_region", [False, True])
def test_a_classification_is_judged_at_its_own_temperature_and_at_others(album, by_region):
    network = colorizer(Classification(BINS), vivid=30, temperature=0.7, by_region=by_region)
    pictures = pictures_of(album)
    ways = answers_of(network, pictures)
    asked = {"as shipped": {}, "T = 1": {"temperature": 1.0}, "T = 0.38": {"temperature": 0.38}}
    asked |= {"mode": {"temperature": "mode"}}
    if by_region:
        asked["pixel by pixel"] = {"by_region": False}
    assert ways.keys() == asked.keys()
    for way, how in asked.items():
        for found, rgb in zip(ways[way], pictures, strict=True):
            assert torch.equal(found, to_lab(network.colorize(rgb, **how))[1:])
    plain = torch.cat([ab.flatten() for ab in ways["as shipped"]])
    assert all(
        not torch.equal(torch.cat([ab.flatten() for ab in ways[way]]), plain)
        for way in asked
        if way != "as shipped"
    )


@pytest.mark.slow
def test_a_regression_is_judged_as_it_is_and_turned_up_to_most_hits(album):
    pictures, network = pictures_of(album), colorizer(vivid=2)
    tallies, compared = judge({"r": network}, pictures)
    (answers,) = answers_of(network, pictures).values()
    labs = to_labs(pictures)
    hits = {f: score(saturated(answers, labs, f), labs)["hits"] for f in evaluation.FACTORS}
    best = max(hits, key=hits.get)
    assert list(tallies) == ["grey", "one color (15.0, 15.0)", "r", f"r × {best:g}"]
    assert tallies[f"r × {best:g}"].scores()["hits"] == pytest.approx(hits[best])
    assert compared == [("r", "grey")]


@pytest.mark.slow
def test_it_is_compared_with_a_classification_at_the_same_vividness_too(album):
    classification, regression = colorizer(Classification(BINS), vivid=30), colorizer(vivid=1, seed=1)
    networks = {"classification": classification, "a": regression, "b": colorizer(vivid=2, seed=2)}
    tallies, compared = judge(networks, pictures_of(album))
    for name in ("a", "b"):
        (turned,) = (row for row in tallies if row.startswith(f"{name} × "))
        as_vivid = f"{name}, as vivid as classification"
        rivals = [b for a, b in compared if a == "classification" and b.startswith(name)]
        assert rivals == [name, turned, as_vivid]
        ratios = [tallies[row].scores()["chroma_ratio"] for row in (name, as_vivid)]
        wanted = tallies["classification"].scores()["chroma_ratio"]
        assert abs(ratios[1] - wanted) < abs(ratios[0] - wanted) and ratios[1] < 1.05 * wanted
    assert compared[:3] == [(name, "grey") for name in networks]
    rows = list(tallies)
    assert rows.index("a, as vivid as classification") < rows.index("b, as vivid as classification")


@pytest.mark.slow
def test_differences_are_intervals_of_what_is_compared(album, tmp_path):
    models = saved(tmp_path, "a"), saved(tmp_path, "classification", objective=Classification(BINS))
    found = report(album, models)
    networks = {
        name: Colorizer.load(path) for name, path in zip(("a", "classification"), models, strict=True)
    }
    tallies, compared = judge(networks, pictures_of(album))
    assert list(found.differences) == [f"{a} - {b}" for a, b in compared]
    for a, b in compared:
        expected = intervals({a: tallies[a], b: tallies[b]}, against=b)[a]
        assert found.differences[f"{a} - {b}"]["psnr"] == pytest.approx(expected["psnr"])


def test_saturation_is_turned_up_as_far_as_a_screen_can_show_it():
    g = torch.Generator().manual_seed(0)
    lab = torch.cat([torch.full((1, 8, 8), 55.0), 20 * torch.rand(2, 8, 8, generator=g) - 10])
    (same,), (doubled,), (far,) = (saturated([lab[1:]], [lab], f) for f in (1.0, 2.0, 100.0))
    torch.testing.assert_close(same, lab[1:], atol=1e-2, rtol=0)
    torch.testing.assert_close(doubled, 2 * lab[1:], atol=1e-2, rtol=0)
    assert (chroma(far) < 150).all() and (chroma(far) > 2 * chroma(lab[1:])).all()
    turned = torch.atan2(*far) - torch.atan2(*lab[1:])
    assert torch.cos(turned).min() > 0.99  # of the same hue


@pytest.mark.slow
def test_squares_are_the_middles_of_pictures_spread_evenly(album, monkeypatch):
    pictures = open_collection(album, 192).part("all")
    everything = squares(pictures, 16)
    expected = torch.stack([to_lab(middle_square(rgb, 16)) for rgb in pictures_of(album)])
    torch.testing.assert_close(everything, expected)
    monkeypatch.setattr(evaluation, "HINTED", 3)
    assert torch.equal(squares(pictures, 16), everything[[0, 2, 5]])


# ---- which pictures ------------------------------------------------------------------------------


@pytest.mark.slow
def test_folders_can_be_left_out(album, tmp_path):
    found = report(album, (saved(tmp_path),), without=("two",))
    assert (found.data["pictures"], found.data["without"]) == (4, ["two"])
    assert found.rows["m"].scores["pictures"] == 4
    with pytest.raises(DataError, match="the part 'all' has 0 pictures; at least 2 are needed"):
        report(album, (saved(tmp_path),), without=("one", "two"))


@pytest.mark.slow
def test_of_the_data_that_a_network_learnt_from_the_held_out_part_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "p").mkdir()
    names = [f"{n}.png" for n in range(100)]
    held_out = [name for name in names if hash_percent(name) < 6]
    for n, name in enumerate([*held_out, "0.png", "1.png"]):
        rgb = np.random.default_rng(n).integers(0, 255, (48, 50, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / "p" / name)
    key = open_collection(tmp_path / "p", 192).key
    stranger, pupil = saved(tmp_path, "s"), saved(tmp_path, "p", about={"data": {"key": key}})
    assert report(tmp_path / "p", (stranger,)).data["part"] == "all"
    found = report(tmp_path / "p", (stranger, pupil)).data
    assert (found["part"], found["pictures"]) == ("held out", len(held_out))
    assert report(tmp_path / "p", (pupil,), part="all").data["part"] == "all"


@pytest.mark.slow
def test_two_files_of_one_name_are_told_apart_by_their_paths(album, tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    paths = [saved(tmp_path, f"{folder}/colorizer", vivid=v) for folder, v in (("x", 1), ("y", 5))]
    rows = report(album, tuple(paths)).rows
    assert all(path in rows for path in paths) and "colorizer" not in rows


# ---- as JSON -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_json_says_the_same_and_what_cannot_be_measured_is_null(tmp_path, monkeypatch):
    """Pictures of one pale colour each: no clear colours to hit, no spread to compare patches with."""
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "flat").mkdir()
    for n in range(3):
        Image.new("RGB", (50, 48), (120, 110, 100 - n)).save(tmp_path / "flat" / f"{n}.png")
    found = report(tmp_path / "flat", (saved(tmp_path),))
    text = json.loads(found.to_json(), parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    row = text["rows"]["m"]
    assert "patchiness" not in row["scores"]
    assert math.isnan(found.rows["m"].scores["hits"]) and row["scores"].pop("hits") is None
    assert row["interval"]["hits"] == [None, None]
    assert row["scores"] == {k: v for k, v in found.rows["m"].scores.items() if k != "hits"}
    assert (text["data"], text["flicker"], text["hints"]) == (found.data, found.flicker, None)
    rgb = np.random.default_rng(0).integers(0, 255, (48, 50, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "flat" / "noise.png")
    found = report(tmp_path / "flat", (saved(tmp_path),))  # some draws of pictures have it, some not
    assert found.rows["m"].scores["patchiness"] > 0
    json.loads(found.to_json(), parse_constant=pytest.fail)


def test_the_recorded_figures_have_the_fields_of_a_report():
    written = {field.name for field in fields(Report)}
    assert set(recorded()) <= written and set(recorded()["rows"]["grey"]) == {"scores", "interval"}


# ---- hints ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("vector", [0, GLOBAL_LENGTH])
def test_hints_are_in_the_report_where_the_network_takes_them(album, tmp_path, vector):
    model = saved(tmp_path, in_channels=1 + HINT_CHANNELS, vector=vector)
    found = report(album, (model,))
    assert (found.global_hint is not None) == bool(vector)
    hints = found.hints
    assert hints["counts"][0] == 0 and len(hints["guided"]["psnr"]) == len(hints["counts"])
    if vector:  # both are measured on squares, without a hint of either kind
        none = found.global_hint["none"].scores["psnr"]
        assert none == pytest.approx(hints["guided"]["psnr"][0])


@pytest.mark.slow
def test_a_network_that_takes_no_hints_has_none_in_its_report(album, tmp_path):
    found = report(album, (saved(tmp_path),))
    assert found.hints is None and found.global_hint is None
