"""Compile the modules that contract.py files name, and compare them with the plain ones; prints those that agree."""

import runpy
import sys
import traceback

import torch

failed = False
for file in sys.argv[1:]:
    contract = runpy.run_path(file)
    for name in contract["COMPILED"]:
        try:
            make, inputs = contract["MODULES"][name]
            torch.manual_seed(0)
            module, x = make().eval(), inputs()
            torch.compiler.reset()
            compiled, plain = torch.compile(module, backend="aot_eager", fullgraph=True)(x), module(x)
            if isinstance(plain, tuple):
                compiled, plain = compiled[0], plain[0]
            torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-4)
        except Exception:  # the other modules are still tried
            traceback.print_exc()
            print(f"{file}: {name} differs", file=sys.stderr)
            failed = True
        else:
            print(file, name)
sys.exit(failed)
