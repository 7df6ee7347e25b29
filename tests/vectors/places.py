"""Sections 4 and 6: places that could not be looked into, and places that a check may name."""

from __future__ import annotations

from gatepost.core.reason import Reason
from tests.certificates import DAY, NOW
from tests.vectors.forge import leaf, root
from tests.vectors.scene import LAPTOP, ROOT, errs, fails, fault, passes, refuses
from tests.vectors.vector import Scene, vector

SECTION = "4"
STRANGER = leaf(root("second", cn="Second Root CA"))


def _alone(reason: Reason) -> Scene:
    return errs(why=reason, faults=(fault(reason),))


@vector("A place that could not be read does not hide another, and is reported beside the pass.")
def _fault_beside_a_pass() -> Scene:
    return passes(LAPTOP, faults=(fault(Reason.STORE_BUSY),))


@vector("Where nothing passes, a place that could not be read makes the answer an error.")
def _fault_beside_a_fail() -> Scene:
    expired = leaf(ROOT, not_after=NOW - DAY)
    return errs(expired, why=(Reason.STORE_BUSY, Reason.CERTIFICATE_EXPIRED), faults=(fault(Reason.STORE_BUSY),))


@vector("Nobody says that there is no certificate when nobody could look.")
def _fault_and_nothing_found() -> Scene:
    return _alone(Reason.STORE_CORRUPT)


@vector("Nor that there are only others.")
def _fault_and_others() -> Scene:
    return errs(STRANGER, why=Reason.STORE_UNREADABLE, faults=(fault(Reason.STORE_UNREADABLE),))


@vector("Two causes are two reasons; the same twice is one.")
def _several_faults() -> Scene:
    faults = (fault(Reason.STORE_BUSY, "/a"), fault(Reason.STORE_BUSY, "/b"), fault(Reason.PERMISSION_DENIED, "/c"))
    return errs(why=(Reason.STORE_BUSY, Reason.PERMISSION_DENIED), faults=faults)


@vector("A missing fact and a place that could not be read are both causes.")
def _fault_and_missing_fact() -> Scene:
    why = (Reason.DEVICE_FACT_MISSING, Reason.STORE_BUSY)
    return errs(LAPTOP, why=why, cn="${serial_number}", device={}, faults=(fault(Reason.STORE_BUSY),))


@vector("A place with more than a thousand candidates hides no other, and is reported beside the pass.", "1")
def _crowd_beside_a_pass() -> Scene:
    return passes(LAPTOP, faults=(fault(Reason.TOO_MANY_CANDIDATES),))


@vector("Where nothing passes, it makes the answer an error.", "1")
def _crowd_beside_a_fail() -> Scene:
    expired = leaf(ROOT, not_after=NOW - DAY)
    why = (Reason.TOO_MANY_CANDIDATES, Reason.CERTIFICATE_EXPIRED)
    return errs(expired, why=why, faults=(fault(Reason.TOO_MANY_CANDIDATES),))


@vector("A place that is not there was looked at and holds nothing.")
def _missing_place() -> Scene:
    return fails(why=Reason.NO_CERTIFICATE_FOUND, faults=(fault(Reason.STORE_MISSING),))


@vector("Beside certificates of other issuers it changes nothing.")
def _missing_place_and_others() -> Scene:
    return fails(STRANGER, why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE, faults=(fault(Reason.STORE_MISSING),))


@vector("A database of the old format is an error, and never empty.", "6")
def _legacy_format() -> Scene:
    return _alone(Reason.STORE_LEGACY_FORMAT)


@vector("A path that a lesser user could have changed is an error.", "6")
def _refused_path() -> Scene:
    return _alone(Reason.PATH_REFUSED)


@vector("A place that the agent may not read is an error.", "6")
def _denied_place() -> Scene:
    return _alone(Reason.PERMISSION_DENIED)


@vector("A kind of place that this system has not is an error.", "6")
def _unsupported_place() -> Scene:
    return _alone(Reason.LOCATION_UNSUPPORTED)


@vector("Sixteen paths are taken.", "6")
def _sixteen_paths() -> Scene:
    return passes(LAPTOP, locations={"paths": [f"/etc/ssl/{number}.pem" for number in range(16)]})


@vector("Seventeen are refused.", "6")
def _seventeen_paths() -> Scene:
    return refuses("/input/locations/paths", locations={"paths": [f"/etc/ssl/{n}.pem" for n in range(17)]})


@vector("A path that is not absolute is refused.", "6")
def _relative_path() -> Scene:
    return refuses("/input/locations/paths/1", locations={"paths": ["/etc/ssl/a.pem", "a.pem"]})


@vector("A path with .. is refused.", "6")
def _path_upwards() -> Scene:
    return refuses("/input/locations/paths/0", locations={"paths": ["/etc/ssl/../shadow"]})


@vector("A variable in a path is refused.", "6")
def _variable_in_a_path() -> Scene:
    return refuses("/input/locations/paths/0", locations={"paths": ["/etc/ssl/${hostname}.pem"]})


@vector("A newline in a path is refused.", "6")
def _newline_in_a_path() -> Scene:
    return refuses("/input/locations/paths/0", locations={"paths": ["/etc/ssl/a.pem\n/etc/shadow"]})


@vector("Locations that name no place are refused.", "6")
def _no_place() -> Scene:
    return refuses("/input/locations", locations={"paths": [], "trust_stores": []})


@vector("A store by another word than system or user is refused.", "6")
def _unknown_store() -> Scene:
    return refuses("/input/locations/trust_stores/0", locations={"trust_stores": ["root"]})


@vector("A system without an agent is refused in words.", "4")
def _system_without_an_agent() -> Scene:
    return refuses("/input/operating_system", system="android")
