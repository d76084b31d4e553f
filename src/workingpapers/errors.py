"""The errors a user can meet. Each says what was wrong, the value, what is allowed, and what to do."""


class WorkingPapersError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidParameterError(WorkingPapersError, ValueError):
    """A value is of the right type and outside what is allowed."""


class InvalidTypeError(WorkingPapersError, TypeError):
    """A value is of a type that the callee cannot use."""


class NothingToReplaceError(WorkingPapersError, LookupError):
    """A model holds no module of the kind that was to be replaced."""


class MissingExtraError(WorkingPapersError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


class DataNotFoundError(WorkingPapersError, FileNotFoundError):
    """A data set is neither at the user's path nor in an installed package."""


class UnknownNameError(WorkingPapersError, LookupError):
    """A name (paper, data set, setting, claim) that nobody knows; the message gives the nearest ones."""


class InvalidPaperError(WorkingPapersError, ValueError):
    """A room's paper.toml or experiment cannot be used; the message names file and key."""


class DamagedRecordError(WorkingPapersError, ValueError):
    """A stored record file does not match its checksum."""


class StoreError(WorkingPapersError, OSError):
    """The run store cannot be read or written: full disk, read-only folder, ..."""


class NoResultError(WorkingPapersError, LookupError):
    """There is no complete run of a paper to show."""


class TrialError(WorkingPapersError, RuntimeError):
    """A trial ended in an error; its traceback is in the store."""


class FetchError(WorkingPapersError, OSError):
    """Another server could not be reached, or what it answered cannot be used."""
