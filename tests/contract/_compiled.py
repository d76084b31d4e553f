"""Compile the modules that a contract.py names, and compare them with the plain ones; prints those that agree."""

import runpy
import sys

import torch

contract = runpy.run_path(sys.argv[1])
for name in contract["COMPILED"]:
    make, inputs = contract["MODULES"][name]
    torch.manual_seed(0)
    module, x = make().eval(), inputs()
    torch.compiler.reset()
    compiled, plain = torch.compile(module, backend="aot_eager", fullgraph=True)(x), module(x)
    if isinstance(plain, tuple):
        compiled, plain = compiled[0], plain[0]
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-4)
    print(name)
