"""PyTorch, native, on one thread: a child process that prepares a row and then times calls of it.

One JSON object a line comes in, one goes out. {"prepare": row, ...} answers with what the first run gave,
{"time": calls} with milliseconds. Arrays are base64 of float32 or int32.
"""

import base64
import json
import sys
import time

import numpy
import torch
from torch import nn

torch.set_num_threads(1)


def array(text, dtype, shape):
    return torch.from_numpy(numpy.frombuffer(base64.b64decode(text), dtype=dtype).reshape(shape).copy())


class Model(nn.Module):
    def __init__(self, row):
        super().__init__()
        source, head = row["input"], row.get("head")
        self.embed = nn.Embedding(source["vocabulary"], source["embedding"]) if "vocabulary" in source else None
        self.over = head["over"] if head else None
        width = source.get("features") or source["embedding"]
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[row["cell"]]
        layers, directions = len(row["recurrent"]), len(row["recurrent"][0])
        self.rnn = kind(width, row["units"], layers, batch_first=True, bidirectional=directions == 2)
        self.head = nn.Linear(row["units"] * directions, head["classes"]) if head else None

    def forward(self, x):
        if self.embed is not None:
            x = self.embed(x)
        y, _ = self.rnn(x)
        if self.head is None:
            return y
        return self.head(y[:, -1] if self.over == "last" else y)


def load(model, row, weights):
    """Weights by the names that `nn` gives them, each of its shape."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in weights:
                parameter.copy_(array(weights[name], numpy.float32, parameter.shape))
            else:
                # The other bias: ours has one.
                parameter.zero_()


def prepare(row, data, weights):
    model = Model(row)
    load(model, row, weights)
    shape = (row["B"], row["T"])
    if "vocabulary" in row["input"]:
        x = array(data["tokens"], numpy.int32, shape).long()
    else:
        x = array(data["frames"], numpy.float32, shape + (row["input"]["features"],))
    if row["kind"] == "train":
        return training(model, row, x, array(data["targets"], numpy.int32, (-1,)).long())
    model.eval()
    if row["kind"] == "step":
        return stepping(model, x)

    def run():
        with torch.inference_mode():
            return model(x)

    return run


def stepping(model, x):
    state = None

    def run():
        nonlocal state
        with torch.inference_mode():
            y, state = model.rnn(x, state)
        return y

    return run


def cross_entropy(logits, targets):
    return nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets)


def ctc(row):
    """The mean over the batch; the blank is the last class."""
    size, length, labels = row["B"], row["T"], row["head"]["labels"]
    lengths = torch.full((size,), length), torch.full((size,), labels)

    def loss(logits, targets):
        logs = nn.functional.log_softmax(logits, -1).transpose(0, 1)
        blank = logits.shape[-1] - 1
        total = nn.functional.ctc_loss(logs, targets.reshape(size, labels), *lengths, blank, reduction="sum")
        return total / size

    return loss


def training(model, row, x, targets):
    settings = row["optimiser"]
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[settings["kind"]]
    optimiser = kind(model.parameters(), lr=settings["rate"])
    loss_of = ctc(row) if row["head"]["name"] == "ctc" else cross_entropy

    def run():
        optimiser.zero_grad(set_to_none=True)
        loss = loss_of(model(x), targets)
        loss.backward()
        if settings["clip"]:
            nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
        optimiser.step()
        return loss.detach()

    return run


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


rows = {}
answer({"version": torch.__version__})
for line in sys.stdin:
    request = json.loads(line)
    if "prepare" in request:
        row = request["prepare"]
        run = prepare(row, request["data"], request["weights"])
        rows[row["name"]] = run
        result = run().reshape(-1).numpy().astype(numpy.float32)
        answer({"result": base64.b64encode(result.tobytes()).decode()})
    else:
        run = rows[request["row"]]
        start = time.process_time()
        for _ in range(request["time"]):
            run()
        answer({"milliseconds": (time.process_time() - start) * 1000})
