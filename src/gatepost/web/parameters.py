"""What handlers are given beside the body: the account, the services, ids from the path, pages from the query."""

from __future__ import annotations

from typing import Annotated

from litestar.params import Dependency, Parameter

from gatepost.controlplane.administration.history import MAXIMUM_PAGE
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.ports import Account

TheServices = Annotated[Services, Dependency(skip_validation=True)]
TheAccount = Annotated[Account, Dependency(skip_validation=True)]
CertificateId = Annotated[str, Parameter(description="The upload's id.", max_length=64)]
RuleId = Annotated[str, Parameter(description="The posture rule's id.", max_length=64)]
TokenId = Annotated[str, Parameter(description="The token's id.", max_length=64)]
PerPage = Annotated[int, Parameter(description="As many as are wanted at once.", ge=1, le=MAXIMUM_PAGE)]
LogCursor = Annotated[
    str, Parameter(description="result_info.cursor of the page before.", pattern=r"^([1-9][0-9]{0,17})?$")
]
ResultCursor = Annotated[
    str,
    Parameter(description="result_info.cursor of the page before.", pattern=r"^([0-9]{1,18}\.[0-9]{1,18})?$"),
]
