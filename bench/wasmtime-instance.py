"""Times a fresh instance and a call of bench/functions/double.wat, as a component, in wasmtime. File, counts: argv; result: JSON on stdout."""
import json
import sys
import time

import wasmtime
from wasmtime.component import Component, Linker

file, rounds, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
engine = wasmtime.Engine()
with open(file, "rb") as f:
    component = Component(engine, f.read())
linker = Linker(engine)


def once():
    store = wasmtime.Store(engine)
    function = linker.instantiate(store, component).get_func(store, "double")
    assert function(store, 21) == 42


times = []
for _ in range(rounds):
    start = time.process_time()
    for _ in range(calls):
        once()
    times.append((time.process_time() - start) * 1e6 / calls)
print(json.dumps({"version": wasmtime.__version__, "us": sorted(times)[rounds // 2]}))
