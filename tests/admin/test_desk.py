"""What handlers may use is given once and never changed."""

import pytest

from tests.admin.site import serving


@pytest.mark.real_time
async def test_no_handler_changes_what_all_of_them_use() -> None:
    async with serving() as site:
        for name in ("events", "exec_", "stages", "decision_timeout_s"):
            with pytest.raises(AttributeError):
                setattr(site.desk, name, getattr(site.desk, name))
