"""The words for each reason: a sentence for the device's user, one for the administrator, and the cure.

A user learns what is the matter, what follows and what to do, and nothing about what would have passed. An administrator
learns what was expected and found as well. ``docs/reference/reasons.md`` says more under a heading for each reason.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gatepost.core.reason import Reason


class _Words(NamedTuple):
    user: str
    meaning: str
    cure: str


_FACTS: Final = {"serial_number": "serial number", "hostname": "host name", "device_uuid": "hardware UUID"}

_CERTIFICATES: Final = {
    Reason.NO_CERTIFICATE_FOUND: _Words(
        "No certificate was found on this device, so it cannot be recognised. Please install the certificate that your"
        " organisation gave you, or ask your administrator for one.",
        "The places that the check looks in hold no certificate.",
        "Install the client certificate there, or correct the check's locations.",
    ),
    Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE: _Words(
        "This device has certificates, but none that is meant for this purpose, so it cannot be recognised. Please ask"
        " your administrator for the right one.",
        "No certificate there was issued by the signing certificate itself.",
        "Upload the certificate that signed the device's, not one above it, or issue the device a certificate from the"
        " uploaded one.",
    ),
    Reason.AUTHORITY_KEY_MISMATCH: _Words(
        "This device's certificate was made under an older or another arrangement of your organisation, so it is not"
        " accepted. Please ask your administrator for a new one.",
        "The issuer's name is right, but the certificate names another key of that issuer.",
        "Upload the signing certificate that has this key; when a CA changes, upload old and new together.",
    ),
    Reason.SIGNATURE_INVALID: _Words(
        "This device's certificate is not genuine or is damaged, so it is not accepted. Please ask your administrator"
        " for a new one.",
        "The signing certificate's key did not sign the certificate, or OpenSSL refuses an extension of one of them.",
        "Compare the uploaded signing certificate with the CA's own, and have the certificate issued anew.",
    ),
    Reason.CERTIFICATE_IS_A_CA: _Words(
        "The certificate found on this device is not one for devices, so it is not accepted. Please ask your"
        " administrator for the right one.",
        "The certificate is a certificate authority's and not a device's.",
        "Issue the device an end entity's certificate, without CA:TRUE and without keyCertSign.",
    ),
    Reason.SIGNING_CERTIFICATE_NOT_A_CA: _Words(
        "Your organisation's settings for this check are not right, so no device can pass it. Please tell your"
        " administrator.",
        "The uploaded signing certificate may not sign others.",
        "Upload a certificate of version 3 with CA:TRUE and, if it has a key usage, keyCertSign.",
    ),
    Reason.SIGNING_CERTIFICATE_EXPIRED: _Words(
        "A certificate of your organisation has expired, so this device cannot be recognised. Please tell your"
        " administrator; there is nothing that you need to change.",
        "The uploaded signing certificate has expired.",
        "Upload the CA's renewed certificate beside it or in its place.",
    ),
    Reason.SIGNING_CERTIFICATE_NOT_YET_VALID: _Words(
        "A certificate of your organisation is not valid yet, so this device cannot be recognised. Please tell your"
        " administrator; there is nothing that you need to change.",
        "The uploaded signing certificate is not valid yet.",
        "Wait for its first day, or upload the CA's present certificate beside it; check the server's clock.",
    ),
    Reason.CERTIFICATE_EXPIRED: _Words(
        "This device's certificate has expired, so the device is no longer recognised. Please renew the certificate, or"
        " ask your administrator for a new one.",
        "The certificate has expired.",
        "Renew it; the old one may stay beside the new.",
    ),
    Reason.CERTIFICATE_NOT_YET_VALID: _Words(
        "This device's certificate is not valid yet, so the device is not recognised. Please try again later, or ask"
        " your administrator.",
        "The certificate is not valid yet.",
        "Wait for its first day, or have it issued anew; check the clocks of CA and server.",
    ),
    Reason.NAME_CONSTRAINT_VIOLATED: _Words(
        "This device's certificate carries a name that its issuer may not give, so it is not accepted. Please ask your"
        " administrator for a new one.",
        "A name in the certificate is outside the signing certificate's name constraints.",
        "Issue a certificate whose names the constraints permit.",
    ),
    Reason.UNKNOWN_CRITICAL_EXTENSION: _Words(
        "This device's certificate asks for something that cannot be checked here, so it is not accepted. Please ask"
        " your administrator for a new one.",
        "The certificate, or the signing certificate, has a critical extension that OpenSSL does not know.",
        "Issue it without that extension, or with the extension not critical.",
    ),
    Reason.MALFORMED_CERTIFICATE: _Words(
        "A certificate on this device cannot be read, so it is not accepted. Please install it again, or ask your"
        " administrator for a new one.",
        "What lies there cannot be read as a certificate.",
        "Replace the file or entry; look at it with openssl x509 or openssl asn1parse.",
    ),
    Reason.SIGNATURE_ALGORITHM_WEAK: _Words(
        "This device's certificate was signed in an outdated way, so it is not accepted. Please ask your administrator"
        " for a new one.",
        "The certificate is signed with a digest weaker than SHA-256.",
        "Have the CA sign with SHA-256 or better, and issue the certificate anew.",
    ),
    Reason.KEY_UNSUPPORTED: _Words(
        "The key of this device's certificate is of a kind that is not accepted. Please ask your administrator for a"
        " new certificate.",
        "The key of the certificate, or of the signing certificate, is of a kind or size that is not accepted.",
        "Issue with RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519.",
    ),
    Reason.KEY_USAGE_UNSUITABLE: _Words(
        "This device's certificate may not be used to prove who it is, so it is not accepted. Please ask your"
        " administrator for a new one.",
        "The certificate's key usage does not allow the signature that the check asks for.",
        "Issue it with digitalSignature, or ask for less evidence.",
    ),
    Reason.COMMON_NAME_MISMATCH: _Words(
        "The certificate on this device was issued for somebody or something else, so it is not accepted. Please ask"
        " your administrator for one of this device's own.",
        "The certificate's common name is another.",
        "Issue the device a certificate in its own name, or correct the check's cn or the device's recorded facts.",
    ),
    Reason.COMMON_NAME_MISSING: _Words(
        "The certificate on this device does not say whom it is for, so it is not accepted. Please ask your"
        " administrator for a new one.",
        "The certificate's subject has no common name.",
        "Issue it with a common name, or ask for a subject alternative name instead.",
    ),
    Reason.COMMON_NAME_AMBIGUOUS: _Words(
        "The certificate on this device says more than one thing about whom it is for, so it is not accepted. Please"
        " ask your administrator for a new one.",
        "The certificate's subject has more than one common name.",
        "Issue it with exactly one common name.",
    ),
    Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH: _Words(
        "The certificate on this device was issued for somebody or something else, so it is not accepted. Please ask"
        " your administrator for one of this device's own.",
        "None of the certificate's subject alternative names is one that the check asks for.",
        "Issue it with such a name, or correct the check's names or the device's recorded facts.",
    ),
    Reason.EXTENDED_KEY_USAGE_MISSING: _Words(
        "This device's certificate is meant for another purpose, so it is not accepted. Please ask your administrator"
        " for a new one.",
        "The certificate's extended key usage does not list every purpose asked for.",
        "Issue it with these purposes; anyExtendedKeyUsage does not stand for them.",
    ),
    Reason.CERTIFICATE_DISTRUSTED: _Words(
        "The certificate on this device has been marked as not to be trusted there, so it is not accepted. Please ask"
        " your administrator.",
        "The store that holds the certificate explicitly distrusts it.",
        "Find out who marked it; remove the mark with certutil -M, or replace the certificate.",
    ),
    Reason.CERTIFICATE_DENIED: _Words(
        "This device's certificate has been blocked, so it is not accepted. Please ask your administrator.",
        "The certificate is on the deny-list.",
        "Issue a new certificate, or take it off the list.",
    ),
    Reason.CERTIFICATE_REVOKED: _Words(
        "This device's certificate has been withdrawn, so it is not accepted. Please ask your administrator for a new"
        " one.",
        "Its CA has revoked the certificate.",
        "Issue a new certificate.",
    ),
    Reason.CERTIFICATE_SHARED: _Words(
        "Another device uses the same certificate, so neither can be recognised for certain. Please ask your"
        " administrator.",
        "Two live devices proved the same key.",
        "Name the owner or revoke one of the devices, and issue the other a certificate of its own.",
    ),
    Reason.TOO_MANY_CANDIDATES: _Words(
        "This device holds too many certificates to look through, so it cannot be recognised. Please remove old ones,"
        " or ask your administrator.",
        "There are more certificates of the signing certificate's name than are judged.",
        "Remove those that are out of use, or narrow the check's locations.",
    ),
}

_KEYS: Final = {
    Reason.PRIVATE_KEY_MISSING: _Words(
        "The key that belongs to this device's certificate is missing, so the certificate does not count. Please"
        " install the certificate together with its key.",
        "There is no private key beside the certificate.",
        "Install certificate and key together in one place, for example from the PKCS#12 file.",
    ),
    Reason.PRIVATE_KEY_MISMATCH: _Words(
        "The key on this device does not belong to its certificate, so the certificate does not count. Please install"
        " the certificate together with its own key.",
        "The private key beside the certificate is another certificate's.",
        "Install the key that the certificate was issued for, or have a certificate issued for this key.",
    ),
    Reason.PRIVATE_KEY_UNUSABLE: _Words(
        "The key of this device's certificate cannot be used without somebody's help, so it proves nothing. Please ask"
        " your administrator.",
        "The private key is there, but does not sign unattended.",
        "Store it without a password or PIN that a person must enter, readable for the agent alone.",
    ),
    Reason.POSSESSION_UNPROVEN: _Words(
        "This device did not show that its certificate's key is really its own, so the certificate does not count."
        " Please try again, then ask your administrator.",
        "There is no signature of the certificate's key, or it is wrong or answers another nonce or server.",
        "Run the check again; if it stays, compare certificate and key, and the agent's server address.",
    ),
    Reason.EVIDENCE_TOO_WEAK: _Words(
        "This device's certificate is right, but its key is not kept as safely as is required. Please ask your"
        " administrator.",
        "All is met but the level of evidence.",
        "Use a certificate that the CA issues only to attested keys, or ask for less evidence.",
    ),
}

_PLACES: Final = {
    Reason.STORE_MISSING: _Words(
        "A place where certificates are looked for does not exist on this device. Please install your certificate, or"
        " ask your administrator.",
        "The store or file does not exist.",
        "Create it with the certificate in it, or correct the check's locations.",
    ),
    Reason.STORE_BUSY: _Words(
        "The certificates on this device are being changed just now, so they could not be read. Please wait a moment"
        " and try again.",
        "Another program held the store locked for as long as we wait.",
        "Try again; if it stays, find out which program holds it, for example with fuser.",
    ),
    Reason.STORE_CORRUPT: _Words(
        "A place where certificates are kept on this device is damaged, so they could not be read. Please ask your"
        " administrator.",
        "The store is not what it should be: cut short, damaged, or of an unknown form.",
        "Restore it, or create it anew and install the certificate again.",
    ),
    Reason.STORE_UNREADABLE: _Words(
        "A place where certificates are kept on this device could not be read. Please ask your administrator.",
        "The system gave an error when the store was read.",
        "Look at the detail beside this reason, and read the store by hand with the command that --explain prints.",
    ),
    Reason.STORE_LEGACY_FORMAT: _Words(
        "The certificates on this device are kept in an old form that is not read. Please ask your administrator.",
        "The NSS database has the old dbm format (cert8.db).",
        "Convert it with certutil --upgrade-merge, or create one with the sql: prefix.",
    ),
    Reason.PERMISSION_DENIED: _Words(
        "The certificates on this device could not be read for want of rights. Please ask your administrator.",
        "The account that looked may not read the store.",
        "Give that account the right to read it, or run the agent as root.",
    ),
    Reason.PATH_REFUSED: _Words(
        "A place where certificates are kept on this device is not protected well enough to be read. Please ask your"
        " administrator.",
        "Somebody else than root or the agent could change the path or what it leads to.",
        "Correct owner and rights of each folder in it, or list it under allowed_paths in the device's settings.",
    ),
    Reason.LOCATION_UNSUPPORTED: _Words(
        "This device cannot look where the check asks it to. Please ask your administrator.",
        "The agent has no reader for this location on this system.",
        "Choose a location that the system has, or update the agent.",
    ),
}

_DEVICES: Final = {
    Reason.DEVICE_FACT_MISSING: _Words(
        "Something about this device is not known, so its certificate could not be checked. Please ask your"
        " administrator.",
        "The check names a fact of the device that is not known, or that is a manufacturer's filler.",
        "Record the fact for the device, or use another variable in the check.",
    ),
    Reason.DEVICE_PENDING: _Words(
        "This device is waiting to be accepted. Please ask your administrator.",
        "The registration has the serial number or hardware id of a live one and waits to be accepted.",
        "Accept it, or revoke the older registration.",
    ),
    Reason.DEVICE_REVOKED: _Words(
        "This device has been blocked. Please ask your administrator.",
        "The registration is revoked.",
        "Lift the revocation, or enrol the device again once it is allowed.",
    ),
    Reason.DEVICE_CLONED: _Words(
        "This device looks like a copy of another, so it cannot be recognised. Please ask your administrator.",
        "A report came out of order: the device's state was copied or rolled back.",
        "Enrol the device again, and the copy as a device of its own.",
    ),
    Reason.AGENT_TOO_OLD: _Words(
        "The program that checks this device is too old. Please update it, or ask your administrator.",
        "The agent cannot answer this check.",
        "Update the agent.",
    ),
    Reason.CHECK_DISABLED: _Words(
        "This check is switched off, so there is no answer. Please ask your administrator.",
        "The check is not enabled.",
        "Enable it, or take it out of the policy.",
    ),
    Reason.CHECK_CHANGED: _Words(
        "What is asked of this device has just changed. Please wait a few minutes and try again.",
        "The check changed, and the device has not answered it since.",
        "Wait for the device's next report.",
    ),
    Reason.CHECK_TYPE_NOT_EVALUATED: _Words(
        "This check cannot be answered here. Please ask your administrator.",
        "Checks of this type are kept, but not evaluated.",
        "Use a check of type client_certificate_v2, or take it out of the policy.",
    ),
    Reason.NOT_APPLICABLE: _Words(
        "This check is not meant for this kind of device. If you were refused, please ask your administrator.",
        "The check is for another operating system.",
        "Add a check for this system, or take the device out of the policy.",
    ),
    Reason.NONCE_EXPIRED: _Words(
        "This device's answer came too late. Please wait a moment; it will try again by itself.",
        "The report answers a nonce that is too old, or not this server's.",
        "The agent repeats it with a fresh nonce; if it stays, look at delays and at the server's clock.",
    ),
    Reason.EVALUATION_CRASHED: _Words(
        "Something went wrong while this device was checked. Please tell your administrator.",
        "The evaluation ended with an error of the program.",
        "Report it with the detail beside this reason; until then it counts as not passed.",
    ),
}

_DECISIONS: Final = {
    Reason.REPORT_MISSING: _Words(
        "Nothing has been heard from this device yet. Please see that it is switched on and connected, and try again in"
        " some minutes.",
        "The device has not answered this check.",
        "Run gatepost agent doctor on the device.",
    ),
    Reason.RESULT_EXPIRED: _Words(
        "Nothing has been heard from this device for some time. Please see that it is connected, and try again in some"
        " minutes.",
        "The last result has ended.",
        "Run gatepost agent doctor on the device; see whether the check's expiration is too short for its schedule.",
    ),
    Reason.EVIDENCE_TOO_OLD: _Words(
        "This device was checked too long ago for this application. Please wait for its next check and try again.",
        "The evidence is older than the policy allows.",
        "Shorten the check's schedule, or allow older evidence.",
    ),
    Reason.DEVICE_NOT_IDENTIFIED: _Words(
        "It could not be seen which device you use, so you are not let in. Please use a device of your organisation on which"
        " the Gatepost agent runs, or ask your administrator.",
        "The request carries nothing that ties it to one enrolled device.",
        "See that the agent runs there and listens for browsers, or that the client presents, in TLS, the certificate that the"
        " device's check finds.",
    ),
    Reason.DEVICE_NOT_ENROLLED: _Words(
        "This device is not registered with your organisation. Please register it, or ask your administrator.",
        "There is no live registration of this device.",
        "Enrol it with gatepost agent enroll.",
    ),
    Reason.PROXY_NOT_ALLOWED: _Words(
        "This application is not set up completely. Please tell its administrator.",
        "The proxy's credential does not cover this application.",
        "Add the application to the proxy's credential.",
    ),
    Reason.POLICY_UNMATCHED: _Words(
        "You or this device have no access to this application. If you should, please ask your administrator.",
        "No policy of the application lets this request in.",
        "Read in the decision's line of the log which rule stopped it, and correct the policy or the device.",
    ),
    Reason.EXEMPTED: _Words(
        "This device is exempt from the check for now. There is nothing to do.",
        "An exemption stands for this device.",
        "Let it end, or withdraw it.",
    ),
    Reason.REPORT_ONLY: _Words(
        "This check is being tried out and stops nobody. There is nothing to do.",
        "The policy only reports.",
        "Set its mode to enforce when the reports look right.",
    ),
}

_WORDS: Final[dict[Reason, _Words]] = _CERTIFICATES | _KEYS | _PLACES | _DEVICES | _DECISIONS


def for_user(reason: Reason) -> str:
    """Say to the device's user what is the matter, what follows, and what to do; nothing about what would have passed."""
    return _WORDS[reason].user


def for_administrator(reason: Reason, expected: str, found: str) -> str:
    """Say what is the matter, what was ``expected`` and ``found`` (each may be empty), and the cure."""
    words = _WORDS[reason]
    values = (f"Expected: {expected}." if expected else "", f"Found: {found}." if found else "")
    return " ".join(filter(None, (words.meaning, *values, words.cure)))


def cure(reason: Reason) -> str:
    """Say to the administrator how the reason is mended."""
    return _WORDS[reason].cure


def fact(variable: str) -> str:
    """Name a fact of the device, ``serial_number`` and its kin, in words; an unknown one is named as it is."""
    return _FACTS.get(variable, variable)
