"""colorlab.objectives against torch's own losses; and that with one seed nothing else differs."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.networks.base import Pointwise
from colorlab.networks.unet import UNet
from colorlab.objective_base import averaged
from colorlab.objectives import Classification, Regression
from colorlab.toy import Marbles
from colorlab.training import fit
from colorlab.weighted_regression import WeightedRegression

BINS = ColorBins(20)  # Q = 77: quick


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_ab(*size, seed=1):
    return 30 * random(2, 2, *size, seed=seed)


def prior():
    return BINS.prior(random_ab(20, 20, seed=2))


def every_objective():
    return [
        Regression("l2"),
        Regression("l1"),
        Regression("huber"),
        Classification(BINS, "hard"),
        Classification(BINS, "soft"),
        Classification(BINS, "hard", prior(), 0.5),
        Classification(BINS, "soft", prior(), 0.5),
        WeightedRegression(BINS, prior(), 0.5),
    ]


def dense_soft_target(ab, k=10, sigma=5.0):
    """(N, Q, H, W): what the paper writes and the library never builds; distances to all bins, literally."""
    squared = (ab[:, None] - BINS.centers[None, :, :, None, None]).square().sum(2)  # (N, Q, H, W)
    kth = squared.kthvalue(k, dim=1, keepdim=True).values
    return torch.where(squared <= kth, -squared / (2 * sigma**2), -torch.inf).softmax(1)


# ---- against torch -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "norm, oracle",
    [
        ("l2", F.mse_loss),
        ("l1", F.l1_loss),
        ("huber", lambda prediction, ab: F.huber_loss(prediction, ab, delta=10.0)),
    ],
)
def test_regression_is_twice_torchs_mean(norm, oracle):
    # The poster measures the distance in R², summed over a and b; torch averages over the two.
    output, ab = random(2, 2, 5, 7), random_ab(5, 7)
    torch.testing.assert_close(Regression(norm).loss(output, ab), 2 * oracle(110 * output, ab))


def test_hard_classification_is_torchs_cross_entropy():
    output, ab = random(2, BINS.n_bins, 5, 7), random_ab(5, 7)
    expected = F.cross_entropy(output, BINS.encode(ab))
    torch.testing.assert_close(Classification(BINS, "hard").loss(output, ab), expected)


def test_soft_classification_is_the_cross_entropy_with_a_dense_target():
    output, ab = random(2, BINS.n_bins, 5, 7), random_ab(5, 7)
    expected = F.cross_entropy(output, dense_soft_target(ab))  # torch accepts distributions as targets
    torch.testing.assert_close(Classification(BINS, "soft").loss(output, ab), expected)


@pytest.mark.parametrize("targets", ["hard", "soft"])
def test_rebalancing_multiplies_each_pixel_by_the_weight_of_its_nearest_bin(targets):
    output, ab = random(2, BINS.n_bins, 5, 7), random_ab(5, 7)
    plain, rebalanced = Classification(BINS, targets), Classification(BINS, targets, prior(), 0.5)
    weights = BINS.weights(prior(), 0.5)[BINS.encode(ab)]
    expected = (weights * plain.pixel_losses(output, ab)).mean()
    torch.testing.assert_close(rebalanced.loss(output, ab), expected)
    assert weights.max() > 2 * weights.min()


@pytest.mark.parametrize("targets", ["hard", "soft"])
def test_weights_can_be_left_out(targets):
    output, ab = random(2, BINS.n_bins, 5, 7), random_ab(5, 7)
    unweighted = Classification(BINS, targets, prior(), 0.5).pixel_losses(output, ab, weighted=False)
    assert torch.equal(unweighted, Classification(BINS, targets).pixel_losses(output, ab))


def test_a_prior_alone_does_not_rebalance():
    assert torch.equal(Classification(BINS, prior=prior()).weights, torch.ones(BINS.n_bins))


@pytest.mark.parametrize("objective", every_objective(), ids=repr)
def test_the_loss_is_the_mean_of_the_pixel_losses(objective):
    output, ab = random(2, objective.out_channels, 5, 7), random_ab(5, 7)
    pixels = objective.pixel_losses(output, ab)
    assert pixels.shape == (2, 5, 7)
    torch.testing.assert_close(objective.loss(output, ab), pixels.mean())


@pytest.mark.parametrize("objective", every_objective(), ids=repr)
def test_a_step_against_the_gradient_lowers_the_loss(objective):
    output, ab = random(2, objective.out_channels, 5, 7).requires_grad_(), random_ab(5, 7)
    loss = objective.loss(output, ab)
    (gradient,) = torch.autograd.grad(loss, output)
    step = 1e-3 * gradient / gradient.norm()
    assert objective.loss(output - step, ab) < loss


# ---- weights without classes ---------------------------------------------------------------------


@pytest.mark.parametrize("uniform_mix", [0.1, 0.5, 1.0])
def test_a_weighted_regression_is_torchs_squared_error_times_weights_that_are_counted_by_hand(uniform_mix):
    output, ab = random(2, 2, 5, 7), random_ab(5, 7)
    objective = WeightedRegression(BINS, prior(), uniform_mix)
    mixed = 1 / ((1 - uniform_mix) * prior() + uniform_mix / BINS.n_bins)
    weights = mixed / (prior() * mixed).sum()  # 1 on average over the pixels that were counted
    distance = (ab[:, None] - BINS.centers[None, :, :, None, None]).square().sum(2)  # (N, Q, H, W)
    squares = F.mse_loss(110 * output, ab, reduction="none").sum(1)
    expected = weights[distance.argmin(1)] * squares
    torch.testing.assert_close(objective.pixel_losses(output, ab), expected, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(objective.loss(output, ab), expected.mean(), rtol=1e-4, atol=1e-2)
    assert torch.equal(
        objective.pixel_losses(output, ab, weighted=False), Regression().pixel_losses(output, ab)
    )


@pytest.mark.parametrize("every", [2, 4])
def test_its_weights_are_those_of_the_colours_it_is_compared_with(every):
    """At a half and a quarter these are means of pixels, and their bins are others."""
    ab = random_ab(8, 8)
    output, objective = random(2, 2, 8 // every, 8 // every), WeightedRegression(BINS, prior(), 0.3)
    mean = averaged(ab, every)
    assert not torch.equal(BINS.encode(mean), BINS.encode(ab)[:, ::every, ::every])
    torch.testing.assert_close(objective.pixel_losses(output, ab), objective.pixel_losses(output, mean))


def test_a_weighted_regression_answers_a_colour_as_any_other():
    objective = WeightedRegression(BINS, prior(), 0.5)
    output = random(2, 2, 5, 7)
    assert torch.equal(objective.decode(output), Regression().decode(output))
    assert objective.out_channels == 2 and not objective.has_distribution


def test_a_weighted_regression_is_saved_and_loaded_with_its_weights(tmp_path):
    objective = WeightedRegression(BINS, prior(), 0.3)
    loaded = Colorizer.load(untrained(objective).save(tmp_path / "model.safetensors")).objective
    assert repr(loaded) == repr(objective) and loaded.to_dict() == objective.to_dict()
    output, ab = random(2, 2, 5, 7), random_ab(5, 7)
    assert torch.equal(loaded.loss(output, ab), objective.loss(output, ab))


@pytest.mark.slow
def test_a_program_that_only_colours_opens_it_too(tmp_path):
    """It need not have heard of weights: `colorlab colorize` has not."""
    path = untrained(WeightedRegression(BINS, prior(), 0.3)).save(tmp_path / "model.safetensors")
    program = (
        "import sys; from colorlab.colorizer import Colorizer; print(Colorizer.load(sys.argv[1]).objective)"
    )
    found = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("WeightedRegression")


def test_refuses_weights_without_bins_or_a_prior():
    with pytest.raises(TypeError, match="prior"):
        WeightedRegression(BINS)
    with pytest.raises(TypeError, match="bins"):
        WeightedRegression(prior=prior())
    with pytest.raises(ValueError, match=r"expected shape \(Q = 77,\), got \(262,\)"):
        WeightedRegression(BINS, torch.full((262,), 1 / 262))
    with pytest.raises(ValueError, match="uniform_mix"):
        WeightedRegression(BINS, prior(), 1.5)


# ---- half resolution -----------------------------------------------------------------------------


@pytest.mark.parametrize("objective", every_objective(), ids=repr)
@pytest.mark.parametrize("height, width", [(6, 8), (5, 7), (1, 1)])
def test_at_half_resolution_the_target_is_averaged(objective, height, width):
    ab, half = random_ab(height, width), ((height + 1) // 2, (width + 1) // 2)
    output = random(2, objective.out_channels, *half)
    averaged = torch.empty(2, 2, *half)
    for y in range(half[0]):
        for x in range(half[1]):  # the last block of an odd side is narrower
            averaged[:, :, y, x] = ab[:, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean((2, 3))
    torch.testing.assert_close(objective.loss(output, ab), objective.loss(output, averaged))


@pytest.mark.parametrize("objective", [Regression(), Classification(BINS)], ids=repr)
@pytest.mark.parametrize("height, width", [(8, 8), (5, 7), (1, 1)])
def test_at_a_quarter_too(objective, height, width):
    ab = random_ab(height, width)
    quarter = -(-height // 4), -(-width // 4)
    output = random(2, objective.out_channels, *quarter)
    averaged = torch.empty(2, 2, *quarter)
    for y in range(quarter[0]):
        for x in range(quarter[1]):
            averaged[:, :, y, x] = ab[:, :, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].mean((2, 3))
    torch.testing.assert_close(objective.loss(output, ab), objective.loss(output, averaged))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 2, 4]))
def test_averaged_is_the_mean_over_squares_that_end_where_the_picture_ends(height, width, every):
    ab = random_ab(height, width)
    found = averaged(ab, every)
    assert found.shape == (2, 2, -(-height // every), -(-width // every))
    for y, x in torch.cartesian_prod(*(torch.arange(n) for n in found.shape[2:])).tolist():
        square = ab[:, :, y * every : (y + 1) * every, x * every : (x + 1) * every]
        torch.testing.assert_close(found[:, :, y, x], square.mean((2, 3)), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("objective", [Regression(), Classification(BINS)], ids=repr)
def test_any_other_resolution_is_refused(objective):
    half_or_quarter = r"\(8, 8\), its half \(4, 4\) or its quarter \(2, 2\), got \(3, 3\)"
    with pytest.raises(ValueError, match=half_or_quarter):
        objective.loss(random(2, objective.out_channels, 3, 3), random_ab(8, 8))


# ---- decoding ------------------------------------------------------------------------------------


def test_regression_is_decoded_to_lab_units():
    assert Regression().decode(torch.tensor([0.5, -1.0])).tolist() == [55.0, -110.0]


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0}, {"temperature": "mode"}])
def test_classification_is_decoded_by_its_bins(options):
    logits = random(2, BINS.n_bins, 3, 4)
    assert torch.equal(Classification(BINS).decode(logits, **options), BINS.decode(logits, **options))


def test_out_channels():
    assert Regression().out_channels == 2
    assert Classification(BINS).out_channels == BINS.n_bins == 77


# ---- refusals ------------------------------------------------------------------------------------


def test_refuses_an_unknown_norm():
    with pytest.raises(ValueError, match='expected "l2", "l1" or "huber", got \'l3\''):
        Regression("l3")


def test_refuses_unknown_targets():
    with pytest.raises(ValueError, match='expected "hard" or "soft", got \'firm\''):
        Classification(BINS, "firm")


def test_refuses_rebalancing_without_a_prior():
    with pytest.raises(ValueError, match=r"uniform_mix = 0\.5 .* needs the prior .*bins\.prior\(ab\)"):
        Classification(BINS, uniform_mix=0.5)


def test_refuses_the_prior_of_other_bins():
    with pytest.raises(ValueError, match=r"expected shape \(Q = 77,\), got \(262,\)"):
        Classification(BINS, prior=torch.full((262,), 1 / 262), uniform_mix=0.5)


# ---- with one seed only the objective differs ----------------------------------------------------


class Recorded:
    """A world that remembers every batch it gave out."""

    def __init__(self, world):
        self.world, self.seen = world, []

    def evaluation(self):
        return self.world.evaluation()

    def batches(self, *arguments):
        for lab in self.world.batches(*arguments):
            self.seen.append(lab.clone())
            yield lab


def untrained(objective, seed=0):
    torch.manual_seed(seed)
    return Colorizer(UNet(1, objective.out_channels, width=8, depth=1), objective)


def batches_seen(objective, seed=0):
    data = Recorded(Marbles(size=16))
    fit(untrained(objective), data, Config(steps=3, batch_size=2, evaluate_every=2, seed=seed))
    return data.seen


@pytest.mark.parametrize("classification", every_objective()[3:], ids=repr)
def test_both_start_from_the_same_trunk(classification):
    one, other = untrained(Regression()).network, untrained(classification).network
    assert all(torch.equal(w, other.trunk_state()[name]) for name, w in one.trunk_state().items())


@pytest.mark.slow
@pytest.mark.parametrize("classification", every_objective()[3:], ids=repr)
def test_both_are_trained_on_the_same_batches(classification):
    one, other = batches_seen(Regression()), batches_seen(classification)
    assert len(one) == len(other) == 3
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], one[1])


def test_another_seed_draws_other_batches():
    assert not torch.equal(batches_seen(Regression(), seed=0)[0], batches_seen(Regression(), seed=1)[0])


# ---- memory --------------------------------------------------------------------------------------


class Allocations(TorchDispatchMode):
    """Which operations make a new tensor of at least so many numbers."""

    def __init__(self, at_least):
        super().__init__()
        self.at_least, self.found, self._seen = at_least, [], []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if not isinstance(tensor, torch.Tensor) or tensor.numel() < self.at_least:
                continue
            if all(tensor.data_ptr() != other.data_ptr() for other in self._seen):  # a view is not new
                self._seen.append(tensor)  # held, so that its address is given to no other
                self.found.append(operation.name())
        return result


@pytest.mark.parametrize("targets", ["hard", "soft"])
def test_beside_the_logits_only_their_gradient_has_q_numbers_a_pixel(targets):
    bins = ColorBins(10)
    lab, _ = Marbles(size=16).batch(4)  # in gamut; outside it pixels are handled in bounded parts
    bins.encode_soft(lab[:, 1:])  # the table of candidates is made once, and no larger for more pixels
    features, head = random(4, 8, 16, 16).requires_grad_(), Pointwise(8, bins.n_bins)
    with Allocations(at_least=4 * 16 * 16 * bins.n_bins) as large:
        loss = Classification(bins, targets).loss(head(features), lab[:, 1:])
        logits_only = list(large.found)
        loss.backward()
    assert len(logits_only) == 1
    assert large.found == [*logits_only, "aten::empty_like"]
    assert features.grad.any()


@pytest.mark.parametrize("targets", ["hard", "soft"])
def test_in_training_nothing_has_q_numbers_a_pixel(targets):
    bins = ColorBins(10)
    lab, _ = Marbles(size=64).batch(4)
    bins.encode_soft(lab[:, 1:])
    features, head = random(4, 8, 64, 64).requires_grad_(), Pointwise(8, bins.n_bins)
    with Allocations(at_least=4 * 64 * 64 * bins.n_bins) as large:
        Classification(bins, targets).loss_from_features(features, head, lab[:, 1:]).backward()
    assert large.found == []
    assert features.grad.any() and head.weight.grad.any()


@pytest.mark.parametrize("objective", every_objective(), ids=repr)
@pytest.mark.parametrize("every", [1, 2])
def test_the_loss_from_features_is_the_loss_of_the_answer(objective, every):
    features, ab = random(2, 4, 5, 7).requires_grad_(), random_ab(5 * every, 7 * every - (every == 2))
    head = Pointwise(4, objective.out_channels)
    found, wanted = objective.loss_from_features(features, head, ab), objective.loss(head(features), ab)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    learning = [features, *head.parameters()]
    for one, other in zip(*(torch.autograd.grad(loss, learning) for loss in (found, wanted)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
