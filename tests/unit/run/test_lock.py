"""A second run is kept out of a folder, until the first ends in whatever way."""

from __future__ import annotations

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.run.lock import locked


def test_a_second_run_is_refused_while_the_first_goes_on(tmp_path):
    with locked(tmp_path, "Another run", "Wait."), pytest.raises(StrokeprepError, match="Wait"):
        locked(tmp_path, "Another run", "Wait.")
    locked(tmp_path, "Another run", "Wait.").close()
