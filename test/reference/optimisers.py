"""Makes optimisers.json: ten steps of each optimiser by PyTorch, in float64, on given gradients.

    python3 test/reference/optimisers.py

The second half of the steps has larger gradients, so that clipping bites in some steps and not in others.
"""
import json
import os

import torch

SIZE, STEPS = 7, 10
torch.manual_seed(1)
start = torch.randn(SIZE, dtype=torch.float64)
gradients = torch.randn(STEPS, SIZE, dtype=torch.float64) * torch.linspace(0.1, 2, STEPS).double()[:, None]
rates = [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02]

O = torch.optim
CASES = [
    ("sgd", {"kind": "sgd"}, {}, O.SGD, {}),
    ("sgd, decay", {"kind": "sgd", "decay": 0.1}, {}, O.SGD, {"weight_decay": 0.1}),
    ("momentum", {"kind": "momentum"}, {}, O.SGD, {"momentum": 0.9}),
    ("momentum, l2", {"kind": "momentum", "momentum": 0.5}, {"l2": 0.1}, O.SGD, {"momentum": 0.5, "weight_decay": 0.1}),
    ("nesterov", {"kind": "nesterov"}, {}, O.SGD, {"momentum": 0.9, "nesterov": True}),
    ("rmsprop", {"kind": "rmsprop"}, {}, O.RMSprop, {}),
    ("rmsprop, momentum", {"kind": "rmsprop", "alpha": 0.95, "epsilon": 1e-4, "momentum": 0.9}, {},
     O.RMSprop, {"alpha": 0.95, "eps": 1e-4, "momentum": 0.9}),
    ("adagrad", {"kind": "adagrad"}, {}, O.Adagrad, {}),
    ("adam", {"kind": "adam"}, {}, O.Adam, {}),
    ("adam, arguments", {"kind": "adam", "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3}, {},
     O.Adam, {"betas": (0.5, 0.9), "eps": 1e-3}),
    ("adam, l2", {"kind": "adam"}, {"l2": 0.1}, O.Adam, {"weight_decay": 0.1}),
    ("adamw", {"kind": "adamw"}, {}, O.AdamW, {}),
    ("adamw, decay", {"kind": "adamw", "decay": 0.3}, {}, O.AdamW, {"weight_decay": 0.3}),
    ("clip norm", {"kind": "sgd"}, {"norm": 2.0}, O.SGD, {}),
    ("clip norm, momentum, l2", {"kind": "momentum"}, {"norm": 2.0, "l2": 0.1}, O.SGD,
     {"momentum": 0.9, "weight_decay": 0.1}),
    ("clip value", {"kind": "sgd"}, {"value": 0.5}, O.SGD, {}),
    ("clip norm and value", {"kind": "adam"}, {"norm": 2.0, "value": 0.5}, O.Adam, {}),
    ("average", {"kind": "sgd"}, {"average": 1}, O.SGD, {}),
]


def rounded(tensor):
    return [[float(f"{x:.9g}") for x in row] for row in tensor.tolist()]


def run(optimiser, settings):
    θ = optimiser.param_groups[0]["params"][0]
    average = torch.optim.swa_utils.AveragedModel(torch.nn.ParameterList([θ])) if "average" in settings else None
    path, norms, averages = [], [], []
    for gradient, rate in zip(gradients, rates):
        optimiser.param_groups[0]["lr"] = rate
        θ.grad = gradient.clone()
        norms.append(torch.linalg.norm(θ.grad))
        if "norm" in settings:
            torch.nn.utils.clip_grad_norm_([θ], settings["norm"])
        if "value" in settings:
            torch.nn.utils.clip_grad_value_([θ], settings["value"])
        optimiser.step()
        path.append(θ.detach().clone())
        if average is not None:
            average.update_parameters(torch.nn.ParameterList([θ]))
            averages.append(next(average.parameters()).detach().clone())
    result = {"path": rounded(torch.stack(path)), "norms": rounded(torch.stack(norms)[None])[0]}
    if averages:
        result["averages"] = rounded(torch.stack(averages))
    return result


cases = []
for name, ours, settings, make, arguments in CASES:
    θ = torch.nn.Parameter(start.clone())
    cases.append({"name": name, "optimiser": ours, "settings": settings,
                  **run(make([θ], lr=rates[0], **arguments), settings)})

document = {"made": f"PyTorch {torch.__version__}", "start": rounded(start[None])[0], "gradients": rounded(gradients),
            "rates": rates, "cases": cases}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimisers.json")
with open(path, "w") as file:
    keys = [f'"{key}": {json.dumps(value)}' for key, value in document.items() if key != "cases"]
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    file.write("{\n" + ",\n".join(keys) + ',\n"cases": [\n' + lines + "\n]}\n")
