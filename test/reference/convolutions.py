"""Makes convolutions.json: convolutions and maxima over windows by PyTorch in float64, forward and backward.

    python3 test/reference/convolutions.py

Values are as we write them, the features last: [B, H, W, C], [B, T, C]. A weight is [n, k1, k2, C] with its last axes
flattened, as the places of a window lie side by side. Sequences have a length each and are convolved one by one. The loss
is the sum of the output times `lossWeights`.
"""
import json
import os

import torch
import torch.nn.functional as F

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)


def rounded(value):
    """As it is written: nine digits."""
    if isinstance(value, torch.Tensor):
        value = value.detach().tolist()
    if isinstance(value, list):
        return [rounded(x) for x in value]
    return float(f"{value:.9g}")


def drawn(*sizes):
    """Already rounded, so that a reader of the file starts from the very same numbers."""
    return torch.tensor(rounded(0.5 * torch.randn(*sizes)))


def features_last(x):
    return x.movedim(0, -1)


def case(stage, shapes, n, window, stride, pad, channels):
    """One example a shape: `conv` with `n` features, `pool` where `n` is 0."""
    rank = len(shapes[0])
    weight = drawn(n, channels, *window).requires_grad_() if n else None
    bias = drawn(n).requires_grad_() if n else None
    inputs, outputs, loss_weights = [], [], []
    for shape in shapes:
        x = drawn(channels, *shape).requires_grad_()
        conv = [None, F.conv1d, F.conv2d][rank]
        pool = [None, F.max_pool1d, F.max_pool2d][rank]
        y = conv(x[None], weight, bias, stride, pad)[0] if n else pool(x[None], window)[0]
        w = drawn(*y.shape)
        (y * w).sum().backward()
        inputs.append(x)
        outputs.append(y)
        loss_weights.append(w)
    return {
        "stage": stage,
        "window": window,
        "input": [rounded(features_last(x)) for x in inputs],
        "output": [rounded(features_last(y)) for y in outputs],
        "lossWeights": [rounded(features_last(w)) for w in loss_weights],
        "inputGradient": [rounded(features_last(x.grad)) for x in inputs],
        "weight": rounded(weight.movedim(1, -1).flatten(1)) if n else None,
        "bias": rounded(bias) if n else None,
        "weightGradient": rounded(weight.grad.movedim(1, -1).flatten(1)) if n else None,
        "biasGradient": rounded(bias.grad) if n else None,
    }


images = [(6, 5), (6, 5)]
sequences = [(7,), (3,), (5,)]
cases = [
    case("conv(2, 3)", images, 2, [3, 3], 1, 0, 1),
    case("conv(3, [3, 2])", images, 3, [3, 2], 1, 0, 2),
    case("conv(3, 3, pad = 1)", images, 3, [3, 3], 1, 1, 4),
    case("conv(3, 3, 2, 1)", images, 3, [3, 3], 2, 1, 2),
    case("conv(2, [2, 3], stride = [2, 1], pad = [1, 0])", images, 2, [2, 3], [2, 1], [1, 0], 3),
    case("pool(2)", images, 0, [2, 2], None, 0, 2),
    case("pool([3, 2])", images, 0, [3, 2], None, 0, 1),
    case("conv(3, 3)", sequences, 3, [3], 1, 0, 2),
    case("conv(3, 3, pad = 1)", sequences, 3, [3], 1, 1, 2),
    case("conv(2, 2, 2)", sequences, 2, [2], 2, 0, 3),
    case("conv(2, 3, 2, 2)", sequences, 2, [3], 2, 2, 1),
    case("pool(2)", sequences, 0, [2], None, 0, 3),
]
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "convolutions.json")
with open(path, "w") as file:
    lines = ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in cases)
    file.write(f'{{\n"made": "PyTorch {torch.__version__}",\n"cases": [\n{lines}\n]}}\n')
