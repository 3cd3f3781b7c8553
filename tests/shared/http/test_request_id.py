"""Request ids."""

import re

import pytest

from shared.http.request_id import accepted_or_new


@pytest.mark.parametrize("given", ["mine-1", "a.b_C-9", "x" * 128])
def test_safe_id_is_kept(given: str) -> None:
    assert accepted_or_new(given) == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a\nb", "é", '"'])
def test_other_id_is_replaced_by_a_new_one(given: str | None) -> None:
    first, second = accepted_or_new(given), accepted_or_new(given)
    assert re.fullmatch("req_[0-9a-f]{32}", first)
    assert first != second
