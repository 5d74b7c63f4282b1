"""Makes layers.json: recurrent layers by PyTorch in float64, forward and backward, over ragged sequences.

    python3 test/reference/layers.py

RNN (tanh), LSTM and GRU (reset after the product) with 1 and 2 layers, in 1 and 2 directions. Names of weights are
PyTorch's; `final` holds h_n (and c_n) as [layer * directions, B, hidden]. The loss is the sum of the output times
the first columns of `lossWeights`; outputs, loss weights and gradients of the input are zero past an example's end.
"""
import json
import os

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

B, T, INPUT, HIDDEN = 3, 5, 3, 4
LENGTHS = torch.tensor([5, 2, 4])

torch.manual_seed(7)
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


mask = (torch.arange(T)[None, :] < LENGTHS[:, None])[:, :, None]
x = drawn(B, T, INPUT) * mask
loss_weights = drawn(B, T, 2 * HIDDEN) * mask


def case(kind, layers, bidirectional):
    layer = getattr(torch.nn, kind)(INPUT, HIDDEN, layers, batch_first=True, bidirectional=bidirectional)
    for weight in layer.parameters():
        weight.data = drawn(*weight.shape)
    source = x.clone().requires_grad_()
    packed = pack_padded_sequence(source, LENGTHS, batch_first=True, enforce_sorted=False)
    packed_output, final = layer(packed)
    output, _ = pad_packed_sequence(packed_output, batch_first=True, total_length=T)
    states = final if isinstance(final, tuple) else (final,)
    weights = loss_weights[:, :, : output.shape[2]]
    loss = (output * weights).sum()
    loss.backward()
    return {
        "kind": kind.lower(),
        "layers": layers,
        "bidirectional": bidirectional,
        "weights": {name: rounded(weight) for name, weight in layer.named_parameters()},
        "output": rounded(output),
        "final": {name: rounded(state) for name, state in zip(["h", "c"], states)},
        "loss": rounded(loss.item()),
        "gradients": {name: rounded(weight.grad) for name, weight in layer.named_parameters()},
        "inputGradient": rounded(source.grad),
    }


cases = [case(kind, n, both) for kind in ["RNN", "LSTM", "GRU"] for n in [1, 2] for both in [False, True]]
document = {
    "made": f"PyTorch {torch.__version__}",
    "lengths": LENGTHS.tolist(),
    "input": rounded(x),
    "lossWeights": rounded(loss_weights),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.json")
with open(path, "w") as file:
    keys = [f'"{key}": {json.dumps(value)}' for key, value in document.items()]
    lines = ",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in cases)
    file.write("{\n" + ",\n".join(keys) + ',\n"cases": [\n' + lines + "\n]}\n")
