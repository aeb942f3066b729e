"""What the user guide does not say about the ROM bootloader.

The model of the device obeys any of these settings, the host must work with all of them;
``docs/bootloader.md`` prints the table and says how a real chip answers each question.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Echo(StrEnum):
    """Whether what is sent comes back."""

    NONE = "nothing"
    COMMANDS = "command lines"
    EVERYTHING = "command lines and files"


class AnswerEnd(StrEnum):
    """How a line of an answer ends."""

    CR_LF = "CR LF"
    LF = "LF"


class Space(StrEnum):
    """White space inside answers."""

    PRINTED = "one space after each colon"
    NONE = "no space after a colon"
    WIDE = "lines indented, spaces before their end, an empty line before the prompt"


class Digits(StrEnum):
    """Case of hexadecimal digits in answers."""

    LOWER = "lower case"
    UPPER = "upper case"


class HashEnd(StrEnum):
    """What the second address of H is."""

    INCLUSIVE = "the last byte"
    EXCLUSIVE = "the byte after the last"


class DigestOrder(StrEnum):
    """How the 32 bytes of a digest are printed."""

    STANDARD = "first byte first"
    REVERSED = "last byte first"


class Unknown(StrEnum):
    """The answer to a command that does not exist, or is not permitted."""

    PROMPT = "the prompt"
    TEXT = "a text and the prompt"
    SILENCE = "nothing"


class EmptyLine(StrEnum):
    """The answer to an empty line."""

    PROMPT = "the prompt"
    SILENCE = "nothing"


class Case(StrEnum):
    """Whether commands may be in lower case."""

    ANY = "any case"
    UPPER = "upper case only"


class LineEnd(StrEnum):
    """What ends a command."""

    LF = "LF; CR is ignored"
    CR = "CR; LF is ignored"
    ANY = "CR, LF or both"


class Unerased(StrEnum):
    """What loading over flash that is not erased does."""

    FAIL = "the load fails"
    AND = "bits can only be cleared; the load succeeds"
    ERASE = "the page is erased first"


class LoadError(StrEnum):
    """When a failed load or verification ends."""

    AT_END = "at the end of the file"
    AT_ONCE = "at the bad record; what follows is taken for commands"


class FileEnd(StrEnum):
    """What ends an S-record file."""

    LINE = "the line end of its last record"
    CHECKSUM = "the checksum of its last record; the line end is an empty command"


class Checksums(StrEnum):
    """Whether the checksums of records are looked at."""

    CHECKED = "a wrong one fails"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """One answer to every open question; ``QUESTIONS`` has the reasons."""

    echo: Echo = Echo.COMMANDS
    answer_end: AnswerEnd = AnswerEnd.CR_LF
    space: Space = Space.PRINTED
    digits: Digits = Digits.LOWER
    hash_end: HashEnd = HashEnd.INCLUSIVE
    digest_order: DigestOrder = DigestOrder.STANDARD
    unknown: Unknown = Unknown.PROMPT
    empty_line: EmptyLine = EmptyLine.PROMPT
    case: Case = Case.ANY
    line_end: LineEnd = LineEnd.ANY
    unerased: Unerased = Unerased.FAIL
    load_error: LoadError = LoadError.AT_END
    file_end: FileEnd = FileEnd.LINE
    checksums: Checksums = Checksums.CHECKED


DEFAULTS = Assumptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """A row of the table.

    Attributes:
        name: field of ``Assumptions``.
        question: what is not known.
        reason: why the default is what it is.
        find_out: how a real chip answers the question.
        host: why the host need not know.
    """

    name: str
    question: str
    reason: str
    find_out: str
    host: str

    @property
    def default(self) -> StrEnum:
        """What the model does unless told otherwise."""
        value: StrEnum = getattr(DEFAULTS, self.name)
        return value

    @property
    def choices(self) -> tuple[StrEnum, ...]:
        """What could be; all of them are modelled and tested."""
        return tuple(type(self.default))


QUESTIONS = (
    OpenQuestion(
        name="echo",
        question="Does the loader echo what it is sent?",
        reason="the quick start types commands in a terminal",
        find_out="send `I`, look for it before `USN:`; compare what comes while a file is sent",
        host="looks for answers line by line, so that an echo is no answer",
    ),
    OpenQuestion(
        name="answer_end",
        question="How do the lines of answers end?",
        reason="as the guide prints them",
        find_out="the bytes after `OK` of a page erase",
        host="takes CR and LF as white space",
    ),
    OpenQuestion(
        name="space",
        question="Which white space do answers have?",
        reason="as the guide prints them; its line breaks hide spaces",
        find_out="the bytes of the answers to `P`, `S` and `V`",
        host="takes any, or none, after colons and around lines",
    ),
    OpenQuestion(
        name="digits",
        question="Which case have hexadecimal digits in answers?",
        reason="nothing points either way",
        find_out="the answers to `I` and `H`",
        host="takes both",
    ),
    OpenQuestion(
        name="hash_end",
        question="Is the second address of `H` part of the range?",
        reason="the guide calls it both the last and the end address",
        find_out="hash an erased page with both ends; compare with SHA-256 of 8191 and 8192 bytes",
        host="asks with both ends; only a digest of exactly the wanted bytes counts",
    ),
    OpenQuestion(
        name="digest_order",
        question="In which order is a digest printed?",
        reason="the guide says SHA-256 and nothing else",
        find_out="hash an erased page; compare with SHA-256 of 8192 bytes of 0xFF",
        host="takes both orders",
    ),
    OpenQuestion(
        name="unknown",
        question="What answers an unknown command?",
        reason="nothing is documented but the prompt",
        find_out="send `XYZ`",
        host="never waits for it: finds its feet again with `I`",
    ),
    OpenQuestion(
        name="empty_line",
        question="What answers an empty line?",
        reason="as terminals do",
        find_out="send CR LF",
        host="asks with an empty line first, then with `I`",
    ),
    OpenQuestion(
        name="case",
        question="May commands be in lower case?",
        reason="the quick start types `i`, `l` and `q`",
        find_out="send `i`",
        host="sends upper case",
    ),
    OpenQuestion(
        name="line_end",
        question="What ends a command?",
        reason="the guide sends CR LF; a host program for a relative of the chip sends LF",
        find_out="send `I` with CR, with LF, and with both: does a second prompt come?",
        host="sends CR LF; more prompts than commands do not disturb it",
    ),
    OpenQuestion(
        name="unerased",
        question="What does loading over flash that is not erased do?",
        reason="users report that the load fails (vendor's SDK, issue 709)",
        find_out="load an image twice; verify",
        host="erases every page before it loads",
    ),
    OpenQuestion(
        name="load_error",
        question="When does a failed load end?",
        reason="a loader without flow control can hardly stop its sender",
        find_out="load a file whose first record has a wrong checksum; watch when the answer comes",
        host="stops sending when the failure comes, and ends the file anyway",
    ),
    OpenQuestion(
        name="file_end",
        question="What ends a file?",
        reason="the guide says that the end is detected",
        find_out="load a file without line end after its S7 record",
        host="sends the line end; more prompts than commands do not disturb it",
    ),
    OpenQuestion(
        name="checksums",
        question="Are the checksums of records looked at?",
        reason="they exist for that",
        find_out="load a record with a wrong one",
        host="believes digests only, never a load",
    ),
)
