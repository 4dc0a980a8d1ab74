"""Damaged and hostile files of every kind: read, or refused with an error of ours."""

from __future__ import annotations

import os

import pytest

from tests.faults.fuzz import fuzz

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits processes as POSIX systems do")


def test_no_file_brings_the_program_down_or_an_error_that_is_not_ours() -> None:
    found = fuzz(250, seed=2)
    assert not found["problems"], "\n".join(found["problems"])
    assert found["counts"]["our error"] > 50
    assert found["counts"]["ok"] > 30
