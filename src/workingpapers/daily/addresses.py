"""Which e-mail addresses are taken, and in which spelling they are kept."""

from workingpapers.errors import InvalidParameterError

MAX_LENGTH = 254


def mail_address(text: str) -> str:
    """An address in the one spelling that is kept: lower case, its host in ASCII.

    Nothing is looked up; whether mail arrives there, only a mail can tell.

    Raises:
        InvalidParameterError: it is no address, is too long, or holds characters that do not belong in a header.
    """
    from email_validator import EmailNotValidError, validate_email

    text = text.strip(" ")
    if len(text) > MAX_LENGTH:
        raise InvalidParameterError(
            f"e-mail address {text[:40]!r}… has {len(text)} characters; at most {MAX_LENGTH} are allowed"
        )
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InvalidParameterError(
            f"{text!r} is no e-mail address: {reason}; give one such as ada@example.org"
        ) from None
    return str(found.ascii_email).lower()
