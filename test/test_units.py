"""The C unit tests as items of this run: each program of build/test and build/thread, each of its tests a subtest."""

import os
import subprocess
from xml.etree import ElementTree

import pytest

from program import ENVIRONMENT, ROOT, programs


@pytest.mark.parametrize("program", programs("test/unit/*_test_*") + programs("thread/unit/*_test_*"),
                         ids=lambda p: f"{p.parts[-3]}-{p.name}")
def test_unit(program, tmp_path, subtests):
    results = tmp_path / "results-%g.xml"
    done = subprocess.run([program], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200,
                          env={**os.environ, **ENVIRONMENT, "CMOCKA_MESSAGE_OUTPUT": "XML",
                               "CMOCKA_XML_FILE": str(results)}, check=False)
    for file in sorted(tmp_path.glob("results-*.xml")):
        for case in ElementTree.parse(file).iter("testcase"):
            with subtests.test(case.get("name")):
                failure = case.find("failure")
                failure = case.find("error") if failure is None else failure
                assert failure is None, failure.text
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
