"""Every code that the emulator answers with, its HTTP status and its message."""

RECOMMEND = "https://api.aliyun.com/troubleshoot?q={code}&product=ResourceDirectoryMaster&requestId={request}"


def _missing(*names: str) -> dict[str, tuple[int, str]]:
    return {f"MissingParameter.{name}": (400, f"You must specify {name}.") for name in names}


def _invalid(*names: str) -> dict[str, tuple[int, str]]:
    return {f"InvalidParameter.{name}": (400, f"The {name} is invalid.") for name in names}


def _too_long(*names: str) -> dict[str, tuple[int, str]]:
    return {f"InvalidParameter.{name}.Length": (400, f"The {name} exceeds the length limit.") for name in names}


_FIELDS = ("Name", "EmailAddress", "PhoneNumber", "Title", "MessageTypes", "ContactId")

CODES: dict[str, tuple[int, str]] = {
    # The operations: the documented codes and their messages.
    **_missing(*_FIELDS),
    **_invalid(*_FIELDS, "Members", "Member", "PageNumber", "PageSize", "RetainContactInMembers"),
    **_too_long("Name", "EmailAddress", "Members"),
    "InvalidParameter.Name.AlreadyUsed": (400, "The Name already exists. Please change to another name."),
    "InvalidParameter.MobileCountryCode": (400, "The current site does not support the country code."),
    "InvalidParameter.Members.Duplicate": (400, "The Members contains duplicate values."),
    "InvalidMember": (400, "The member does not exist in the resource directory."),
    "LimitExceeded.Contacts": (
        400,
        "The maximum number of contacts in a resource directory exceeds the limit.",
    ),
    "LimitExceeded.ContactMembers": (400, "The maximum number of contact members exceeds the limit."),
    "QuotaExceeded.Members": (400, "The maximum number of contacts of a member exceeds the limit."),
    "ContactStatusMismatchAction": (400, "The status of the contact does not allow the specified operation."),
    "EntityNotExists.Contact": (404, "This Contact does not exist."),
    "EntityNotExists.Contact.Verification": (404, "This contact verification does not exist."),
    "EntityNotExists.Member": (404, "The specified member does not exist."),
    "EntityNotExists.ResourceDirectory": (404, "The resource directory does not exist."),
    "ResourceDirectoryNotInUse": (404, "The resource directory is not enabled."),
    "SendValidateCodeExceedsLimitForAccount": (
        409,
        "For the same account, the number of verification codes sent exceeds the limit.",
    ),
    "SendValidateCodeTooFrequent": (
        409,
        "Verification codes are sent to the same target too frequently. Please try again later.",
    ),
    "ConcurrentCallNotSupported": (
        429,
        "The operation conflicts with other operations. Please try again later.",
    ),
    # The gateway.
    "InvalidAccessKeyId.NotFound": (404, "Specified access key is not found."),
    "InvalidAccessKeyId.Inactive": (400, "Specified access key is disabled."),
    "InvalidSecurityToken.Malformed": (400, "Specified SecurityToken is malformed."),
    "InvalidSecurityToken.Expired": (400, "Specified SecurityToken is expired."),
    "InvalidSecurityToken.MismatchWithAccessKey": (
        400,
        "Specified SecurityToken mismatch with the AccessKey.",
    ),
    "SignatureDoesNotMatch": (400, "Specified signature is not matched with our calculation."),
    "IncompleteSignature": (400, "The request signature does not conform to Aliyun standards."),
    "InvalidTimeStamp.Format": (400, "Specified time stamp or date value is not well formatted."),
    "InvalidTimeStamp.Expired": (400, "Specified time stamp or date value is expired."),
    "SignatureNonceUsed": (400, "Specified signature nonce was used already."),
    "InvalidApi.NotFound": (404, "Specified api is not found, please check your url and method."),
    "InvalidAction.NotFound": (
        404,
        "Specified action is not found, please check the action and the version.",
    ),
    "InvalidVersion": (400, "Specified parameter Version is not valid."),
    "InvalidProtocol.NeedSsl": (400, "Your request is denied as lack of ssl protect."),
    "UnsupportedHTTPMethod": (400, "This http method is not supported."),
    "InvalidParameter": (400, "The request is not well formed."),
    "RequestBodyTooLarge": (400, "The request body exceeds the size limit."),
    "NoPermission": (403, "You are not authorized to perform this operation."),
    "Throttling.User": (400, "Request was denied due to user flow control."),
    "InternalError": (500, "The request processing has failed due to some unknown error."),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
}


class EmulatorError(Exception):
    """The emulator itself cannot do what was asked of it; the text says what and what to do."""


class Refusal(Exception):
    """The API says no: ``code`` with its HTTP ``status``, its ``message`` and further ``headers``."""

    def __init__(
        self, code: str, *, more: str = "", status: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(code)
        known, message = CODES.get(code, (400, "The request was refused."))
        self.code = code
        self.status = status or known
        self.message = message + more
        self.headers = headers or {}
        self.detail: dict[str, str] | None = None
