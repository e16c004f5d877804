"""A Java program as bytes, written without a compiler: a class whose main prints one line.

    printing("Hello", "hi") -> the content of Hello.class

    cafebabe, version       49 is Java 5's, the last one whose methods need no map of their stack
    constants               numbered from 1; everything below refers to them by number
    flags, this, super      public class Hello extends Object
    no interfaces, no fields, one method: public static void main(String[])
        its code            getstatic System.out; ldc "hi"; invokevirtual println; return

All numbers are big endian. See the Java Virtual Machine Specification, chapter 4, "The class File Format".
"""

from struct import pack

UTF8, CLASS, STRING, FIELD, METHOD, NAME_AND_TYPE = 1, 7, 8, 9, 10, 12
PUBLIC, STATIC, SUPER = 0x01, 0x08, 0x20
GETSTATIC, LDC, INVOKEVIRTUAL, RETURN = 0xB2, 0x12, 0xB6, 0xB1


class Constants:
    """The table of constants, each of them in it once."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []

    def number(self, tag: int, content: bytes) -> int:
        entry = bytes([tag]) + content
        if entry not in self.entries:
            self.entries.append(entry)
        return self.entries.index(entry) + 1

    def text(self, text: str) -> int:
        return self.number(UTF8, pack(">H", len(text)) + text.encode())

    def of_text(self, tag: int, text: str) -> int:
        return self.number(tag, pack(">H", self.text(text)))

    def member(self, tag: int, owner: str, name: str, kind: str) -> int:
        name_and_type = self.number(NAME_AND_TYPE, pack(">HH", self.text(name), self.text(kind)))
        return self.number(tag, pack(">HH", self.of_text(CLASS, owner), name_and_type))


def printing(name: str, line: str) -> bytes:
    """The class `name`, which prints `line`."""
    known = Constants()
    out = known.member(FIELD, "java/lang/System", "out", "Ljava/io/PrintStream;")
    println = known.member(METHOD, "java/io/PrintStream", "println", "(Ljava/lang/String;)V")
    steps = pack(
        ">BHBBBHB",
        *(GETSTATIC, out),
        *(LDC, known.of_text(STRING, line)),
        *(INVOKEVIRTUAL, println),
        RETURN,
    )
    # two words of stack, one local variable (the arguments); no handlers of exceptions, no attributes
    code = pack(">HHI", 2, 1, len(steps)) + steps + pack(">HH", 0, 0)
    main = pack(">HHHH", PUBLIC | STATIC, known.text("main"), known.text("([Ljava/lang/String;)V"), 1) + pack(
        ">HI", known.text("Code"), len(code)
    )
    head = pack(">HHH", PUBLIC | SUPER, known.of_text(CLASS, name), known.of_text(CLASS, "java/lang/Object"))
    constants = pack(">H", len(known.entries) + 1) + b"".join(known.entries)
    version = b"\xca\xfe\xba\xbe" + pack(">HH", 0, 49)
    return version + constants + head + pack(">HHH", 0, 0, 1) + main + code + pack(">H", 0)
