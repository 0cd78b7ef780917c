"""One run of one workload in one way, in a fresh process: prints how long it took, in seconds, and what was chosen."""

import importlib
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import atonce


def main() -> None:
    module, name, way, options = sys.argv[1:]
    workload = importlib.import_module(module).WORKLOADS[name]
    items, how = workload.items(), json.loads(options)
    told = ""
    begun = time.perf_counter()
    if way == "atonce":
        results = atonce.map(workload.fn, items, **how)
        seconds = time.perf_counter() - begun
        told = str(results.report)
    elif way == "joblib":
        from joblib import Parallel, delayed

        begun = time.perf_counter()
        Parallel(n_jobs=-1)(map(delayed(workload.fn), items))
        seconds = time.perf_counter() - begun
    else:
        with {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[way]() as executor:
            list(executor.map(workload.fn, items))
        seconds = time.perf_counter() - begun
    print(json.dumps([seconds, told]))


if __name__ == "__main__":
    main()
