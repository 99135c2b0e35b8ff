"""Finds the mutants of a C++ header, and weaves them into it.

A mutant is one operator, bound, constant or statement that is changed. The headers are formatted by clang-format, so
that white space tells a comparison from an angle bracket and a product from a pointer; no compiler is needed.

Weaving puts many mutants into one header, each behind a question that is asked as the program runs:
`a < b` becomes `(::mutation::on(7) ? (a <= b) : (a < b))`. So one build serves them all.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<space>\s+|\\\n)
      |(?P<comment>//[^\n]*|/\*.*?\*/)
      |(?P<preprocessor>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
      |(?P<string>(?:u8|u|U|L)?"(?:[^"\\\n]|\\.)*"|R"\((?:.|\n)*?\)")
      |(?P<char>'(?:[^'\\\n]|\\.)+')
      |(?P<number>\d(?:'?[0-9A-Za-z.])*)
      |(?P<name>[A-Za-z_]\w*)
      |(?P<op>(?<=\s)>>(?=\s)|<<=|>>=|\.\.\.|->|::|\+\+|--|[-+*/%&|^]=|==|!=|<=|>=|&&|\|\||<<|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

PRECEDENCE = {op: level for level, ops in enumerate(
    [("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"), ("+", "-"),
     ("*", "/", "%")], 1) for op in ops}
INFIX = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",),
    "&&": ("||",), "||": ("&&",), "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("*",),
    "&": ("|",), "|": ("&",), "^": ("|",), "<<": (">>",), ">>": ("<<",),
}
ASSIGN = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|=", "^=": "|=", "<<=": ">>=", ">>=": "<<="}
COMPARISONS = {"<", ">", "<=", ">=", "==", "!="}
NO_OPERAND = {"return", "throw", "case", "else", "constexpr", "if", "while", "do", "co_return", "typename", "new"}
DECLARES = {"using", "static", "const", "constexpr", "auto", "thread_local", "typedef", "friend", "template", "class",
            "struct", "union", "enum", "namespace", "inline", "explicit", "virtual", "void", "bool", "char", "int", "long",
            "unsigned", "double", "public", "private", "protected", "static_assert", "typename", "alignas", "extern",
            "static_cast", "reinterpret_cast", "delete"}
OPENING, CLOSING = "([{", ")]}"


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int
    spaced: bool = False   # white space in front of it
    match: int = -1        # the bracket that belongs to it
    angle: bool = False    # a `<` or `>` that is a bracket
    skip: bool = False     # inside something that is not mutated
    depth_angle: int = 0
    block: str = ""        # what a `{` opens: scope, code or init


@dataclass
class Mutant:
    header: str            # relative to include/pivotal
    line: int
    start: int             # the text [start, end) becomes `text`
    end: int
    text: str
    what: str              # for people: `< becomes <=`
    kind: str = "expression"   # or statement
    key: str = ""          # names it in survivors.txt: does not change when lines are added elsewhere
    number: int = -1
    state: str = ""
    by: str = ""
    seconds: float = 0.0


@dataclass
class Region:
    start: int
    end: int
    kind: str
    mutants: list = field(default_factory=list)
    inner: list = field(default_factory=list)


class Header:
    def __init__(self, name, source):
        self.name, self.source = name, source
        self.tokens, self.mutants = [], []
        self._tokenize()
        self._match()
        self._mark_skipped()
        self._mark_blocks()
        self._expressions()
        self._statements()
        self.mutants.sort(key=lambda m: (m.start, m.end, m.what))
        self._name_them()

    # ---- Tokens ----

    def _tokenize(self):
        spaced = True
        for found in TOKEN.finditer(self.source):
            kind = found.lastgroup
            if kind in ("space", "comment", "preprocessor"):
                spaced = True
                continue
            self.tokens.append(Token(kind, found.group(), found.start(), found.end(), spaced))
            spaced = False

    def _match(self):
        stack = []
        for i, t in enumerate(self.tokens):
            before = self.tokens[i - 1] if i else None
            if t.text == "<" and before and (before.text == "template" or (not t.spaced and before.kind == "name")):
                t.angle = True
                stack.append(i)
            elif t.text == ">" and not t.spaced and stack and self.tokens[stack[-1]].angle:
                t.angle = True
                self._pair(stack.pop(), i)
            elif t.kind == "op" and t.text in OPENING:
                stack.append(i)
            elif t.kind == "op" and t.text in CLOSING:
                if not stack or self.tokens[stack[-1]].angle:
                    raise ValueError(f"{self.name}: brackets do not match at line {self.line_of(t.start)}")
                self._pair(stack.pop(), i)
            t.depth_angle = sum(1 for s in stack if self.tokens[s].angle)

    def _pair(self, a, b):
        self.tokens[a].match, self.tokens[b].match = b, a

    def line_of(self, offset):
        return self.source.count("\n", 0, offset) + 1

    def _skip(self, a, b):
        for t in self.tokens[a:b]:
            t.skip = True

    def _mark_skipped(self):
        tokens = self.tokens
        for i, t in enumerate(tokens):
            if t.text == "template" and tokens[i + 1].text == "<":
                end = tokens[i + 1].match + 1
                self._skip(i, end)
                # A variable template is a question about types, which the compiler answers.
                j = end
                while tokens[j].text not in (";", "{"):
                    j = tokens[j].match + 1 if tokens[j].match > j else j + 1
                if tokens[j].text == ";":
                    self._skip(end, j)
            elif t.text in ("static_assert", "decltype", "noexcept", "alignas", "defined") and tokens[i + 1].text == "(":
                self._skip(i, tokens[i + 1].match + 1)
            elif t.text == "operator":
                self._skip(i, i + 3)
            elif t.text == "=" and tokens[i + 1].text == "0" and tokens[i + 2].text == ";" and \
                    tokens[i - 1].text in (")", "const", "noexcept", "override"):
                self._skip(i, i + 2)  # a pure virtual function

    def _mark_blocks(self):
        tokens = self.tokens
        for i, t in enumerate(tokens):
            if t.text != "{":
                continue
            head = i
            while head > 0 and tokens[head - 1].text not in (";", "{", "}"):
                head = tokens[head - 1].match if 0 <= tokens[head - 1].match < head - 1 else head - 1
            words = [w.text for w in tokens[head:i]]
            if words[:1] == ["template"]:
                words = [w.text for w in tokens[tokens[head + 1].match + 1:i]]
            while words[1:2] == [":"] and words[0] in ("public", "private", "protected"):
                words = words[2:]
            before = tokens[i - 1]
            if words[:1] and words[0] in ("namespace", "class", "struct", "union", "enum", "inline") and "(" not in words:
                t.block = "scope" if words[0] != "inline" or words[1:2] == ["namespace"] else "init"
            elif before.text in (")", "else", "do", "try", "const", "noexcept", "override", "mutable", "", ";", "{", "}"):
                t.block = "code"
            elif before.text == "]" and not (tokens[before.match - 1].kind == "name" or
                                             tokens[before.match - 1].text in (")", "]")):
                t.block = "code"  # a lambda without parameters
            elif "->" in words and ")" in words:
                t.block = "code"
            elif before.text == ":" and tokens[i - 2].kind in ("name", "char", "number"):
                t.block = "code"  # behind a case
            else:
                t.block = "init"

    # ---- Expressions ----

    def _is_operand_end(self, t):
        return (t.kind in ("number", "char", "string") or (t.kind == "name" and t.text not in NO_OPERAND) or
                t.text in (")", "]", "}") or (t.text == ">" and t.angle))

    def _is_infix(self, i):
        t = self.tokens[i]
        if t.kind != "op" or t.text not in PRECEDENCE or t.angle or not t.spaced or not self.tokens[i + 1].spaced:
            return False
        return self._is_operand_end(self.tokens[i - 1])

    def _stops(self, i, level):
        """Whether an operand, beside an operator of this level, ends at token i."""
        t = self.tokens[i]
        if t.text in (";", ",", "?", ":", "=", "...") or t.text in ASSIGN or t.text in NO_OPERAND:
            return True
        return self._is_infix(i) and PRECEDENCE[t.text] <= level

    def _left(self, i, level):
        """The first token of what stands left of token i."""
        j = i - 1
        while True:
            t = self.tokens[j]
            if t.text in OPENING and not t.angle:
                return j + 1
            if t.match >= 0 and t.match < j:
                if t.text == "}" and self.tokens[t.match].block != "init" and self.tokens[t.match - 1].text != "]":
                    return j + 1
                if t.text == ")" and self.tokens[t.match - 1].text in ("for", "if", "while", "switch", "constexpr"):
                    return j + 1
                j = t.match - 1
                continue
            if self._stops(j, level):
                return j + 1
            j -= 1

    def _right(self, i, level):
        """One behind the last token of what stands right of token i."""
        j = i + 1
        while True:
            t = self.tokens[j]
            if t.text in CLOSING and not t.angle:
                return j
            if t.match > j:
                j = t.match + 1
                continue
            if self._stops(j, level):
                return j
            j += 1

    def _text(self, a, b):
        """The tokens [a, b) in one line."""
        out = ""
        for k in range(a, b):
            out += (" " if self.tokens[k].spaced and k > a else "") + self.tokens[k].text
        return out

    def _add(self, a, b, text, what, kind="expression"):
        start, end = self.tokens[a].start, self.tokens[b - 1].end
        self.mutants.append(Mutant(self.name, self.line_of(start), start, end, text, what, kind))

    def _is_simple(self, a, b):
        """No comparison and no `!` at its top: negating it is a mutant of its own."""
        k = a
        while k < b:
            t = self.tokens[k]
            if t.text == "!" or (self._is_infix(k) and t.text in COMPARISONS | {"&&", "||"}):
                return False
            k = t.match + 1 if t.match > k else k + 1
        return self.tokens[a].text not in ("true", "false") and b > a

    def _negate(self, a, b):
        if self._is_simple(a, b):
            text = self._text(a, b)
            self._add(a, b, f"!({text})", f"{text} is negated")

    def _expressions(self):
        tokens = self.tokens
        for i, t in enumerate(tokens):
            if t.skip or t.depth_angle:
                continue
            if t.kind == "number":
                self._number(i)
            elif t.kind == "char":
                self._add(i, i + 1, f"static_cast<char>({t.text} + 1)", f"{t.text} becomes the next character")
                self._add(i, i + 1, f"static_cast<char>({t.text} - 1)", f"{t.text} becomes the previous character")
            elif t.text in ("true", "false"):
                other = "false" if t.text == "true" else "true"
                self._add(i, i + 1, other, f"{t.text} becomes {other}")
            elif t.kind == "op" and i and i + 1 < len(tokens):
                self._operator(i)

    def _number(self, i):
        found = re.fullmatch(r"(0[xX][0-9A-Fa-f']+|[0-9']+)([uUlL]*)", self.tokens[i].text)
        if not found:
            return
        value, suffix = int(found.group(1).replace("'", ""), 0), found.group(2)
        for changed in (value + 1, value - 1):
            if changed >= 0:
                self._add(i, i + 1, f"{changed}{suffix}", f"{self.tokens[i].text} becomes {changed}{suffix}")

    def _operator(self, i):
        t, before, behind = self.tokens[i], self.tokens[i - 1], self.tokens[i + 1]
        if self._is_infix(i):
            level = PRECEDENCE[t.text]
            a, b = self._left(i, level - 1), self._right(i, level)
            if t.text in ("+", "-", "<<") and any(x.kind == "string" for x in self.tokens[a:b]):
                return
            for other in INFIX[t.text]:
                self._add(a, b, f"({self._text(a, i)}) {other} ({self._text(i + 1, b)})",
                          f"{t.text} becomes {other} behind {self._text(a, i)[-40:]}")
            if t.text in ("&&", "||"):
                for x, y in ((a, i), (i + 1, b)):
                    if self._is_simple(x, y):
                        self._negate(x, y)
        elif t.text in ASSIGN and t.spaced:
            a, b = self._left(i, 0), self._right(i, 0)
            open_questions = 0  # of what is assigned, to its end
            while self.tokens[b].text == "?" or (self.tokens[b].text == ":" and open_questions):
                open_questions += 1 if self.tokens[b].text == "?" else -1
                b = self._right(b, 0)
            if not any(x.kind in ("string", "char") for x in self.tokens[i:b]):
                self._add(a, b, f"{self._text(a, i)} {ASSIGN[t.text]} {self._text(i + 1, b)}",
                          f"{t.text} becomes {ASSIGN[t.text]} behind {self._text(a, i)[-40:]}")
        elif t.text == "!" and not self._is_operand_end(before):
            b = self._right(i, 99)
            text = self._text(i + 1, b)
            self._add(i, b, f"static_cast<bool>({text})", f"!{text} becomes {text}")
        elif t.text == "-" and not behind.spaced and not self._is_operand_end(before):
            b = self._right(i, 99)
            self._add(i, b, self._text(i + 1, b), f"-{self._text(i + 1, b)} becomes {self._text(i + 1, b)}")
        elif t.text in ("++", "--") and not behind.spaced and behind.kind == "name":
            b = self._right(i, 99)
            other = "--" if t.text == "++" else "++"
            self._add(i, b, f"{other}{self._text(i + 1, b)}", f"{self._text(i, b)} becomes {other}")
        elif t.text in ("++", "--") and before.kind == "name" and not t.spaced:
            other = "--" if t.text == "++" else "++"
            self._add(i - 1, i + 1, f"{before.text}{other}", f"{before.text}{t.text} becomes {other}")
        elif t.text == "?":
            self._negate(self._left(i, 0), i)

    # ---- Statements ----

    def _statements(self):
        self.seen_blocks = set()
        for i, t in enumerate(self.tokens):
            if t.text == "{" and t.block == "code" and not t.skip and i not in self.seen_blocks:
                self._block(i, False)

    def _block(self, i, then):
        self.seen_blocks.add(i)
        end, j = self.tokens[i].match, i + 1
        while j < end:
            k = self._statement(j, then and self._end_of(j) == end)
            j = k
        return end + 1

    def _end_of(self, j):
        """One behind the simple statement that begins at j."""
        while self.tokens[j].text != ";":
            if self.tokens[j].text == "}":
                return j
            j = self.tokens[j].match + 1 if self.tokens[j].match > j else j + 1
        return j + 1

    def _statement(self, j, then):
        tokens, t = self.tokens, self.tokens[j]
        if t.text == "{":
            return self._block(j, then)
        if t.text in ("if", "while", "for", "switch", "catch"):
            constexpr = tokens[j + 1].text == "constexpr"
            opening = j + (2 if constexpr else 1)
            closing = tokens[opening].match
            if t.text in ("if", "while") and not constexpr:
                words = [x.text for x in tokens[opening + 1:closing]]
                if words[0] not in ("const", "auto") and ";" not in words and "=" not in words and words != ["true"]:
                    self._negate(opening + 1, closing)
            has_else = False
            if t.text == "if":
                body = self._skip_statement(closing + 1)
                has_else = tokens[body].text == "else"
            k = self._statement(closing + 1, t.text == "if" and not has_else and not constexpr)
            if has_else:
                k = self._statement(k + 1, False)
            return k
        if t.text == "else":
            return self._statement(j + 1, False)
        if t.text in ("do", "try"):
            k = self._statement(j + 1, False)
            return self._end_of(k) if t.text == "do" else k
        if t.text in ("case", "default"):
            k = j
            while tokens[k].text != ":":
                k += 1
            return k + 1
        if t.text == ";":
            return j + 1
        # A struct inside a function, or a declaration or expression up to its semicolon.
        k = self._end_of(j)
        if t.text in ("return", "throw"):
            if then:
                self._delete(j, k)
        elif t.text in ("break", "continue"):
            self._delete(j, k)
        elif self._is_expression(j, k):
            self._delete(j, k)
        return k

    def _skip_statement(self, j):
        """One behind the statement that begins at j, without looking for mutants."""
        tokens, t = self.tokens, self.tokens[j]
        if t.text == "{":
            return t.match + 1
        if t.text in ("if", "while", "for", "switch"):
            opening = j + (2 if tokens[j + 1].text == "constexpr" else 1)
            k = self._skip_statement(tokens[opening].match + 1)
            return self._skip_statement(k + 1) if t.text == "if" and tokens[k].text == "else" else k
        return self._end_of(j)

    def _is_expression(self, j, k):
        tokens, t = self.tokens, self.tokens[j]
        if tokens[k - 1].text != ";" or (t.kind == "name" and t.text in DECLARES) or t.skip:
            return False
        if t.kind != "name":
            return t.text in ("*", "++", "--", "::")
        # A declaration has a type and a name beside each other.
        i = j
        while i < k:
            a, b = tokens[i], tokens[i + 1]
            if (a.kind == "name" or a.angle and a.text == ">") and b.kind == "name":
                return False
            if b.text in ("&", "*", "&&") and not b.spaced and tokens[i + 2].kind == "name":
                return False
            if b.text in ("(", ".", "->", "[", "++", "--", "=", "{") or b.text in ASSIGN:
                return True
            i = tokens[i + 1].match if tokens[i + 1].angle and tokens[i + 1].match > i else i + 1
        return False

    def _delete(self, j, k):
        text = self._text(j, k)
        self._add(j, k, "{}", f"{text[:60]}{'...' if len(text) > 60 else ''} is deleted", "statement")

    # ---- Names ----

    def _name_them(self):
        lines = self.source.split("\n")
        occurrences, seen = {}, {}
        for number, line in enumerate(lines, 1):
            occurrences.setdefault(line.strip(), []).append(number)
        for mutant in self.mutants:
            line = lines[mutant.line - 1].strip()
            where = occurrences[line]
            key = f"{mutant.header}: {line}"
            if len(where) > 1:
                key += f" [{where.index(mutant.line) + 1} of such lines]"
            key += f"\n    {mutant.what}"
            seen[key] = seen.get(key, 0) + 1
            mutant.key = key if seen[key] == 1 else f"{key} [{seen[key]}]"

    # ---- Weaving ----

    def applied(self, mutant):
        """The header with this one change."""
        text = f"({mutant.text})" if mutant.kind == "expression" else mutant.text
        return self.source[:mutant.start] + text + self.source[mutant.end:]

    def woven(self, mutants):
        """The header with these mutants, and where each of them stands in it, by line and column."""
        regions = {}
        for m in mutants:
            regions.setdefault((m.start, m.end, m.kind), Region(m.start, m.end, m.kind)).mutants.append(m)
        ordered = sorted(regions.values(), key=lambda r: (r.start, -r.end, r.kind != "statement"))
        root, left_out = Region(0, len(self.source), "root"), []
        stack = [root]
        for region in ordered:
            while region.start >= stack[-1].end:
                stack.pop()
            if region.end > stack[-1].end:
                left_out += region.mutants  # what was taken for its operands is wrong
                continue
            stack[-1].inner.append(region)
            stack.append(region)
        self._out, self._places = [], []
        self._size = 0
        self._write_inner(root)
        text = "".join(self._out)
        starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
        return text, [(starts, a, b, m) for a, b, m in self._places], left_out

    def _emit(self, text):
        self._out.append(text)
        self._size += len(text)

    def _write_inner(self, region):
        at = region.start
        for inner in region.inner:
            self._emit(self.source[at:inner.start])
            self._write(inner)
            at = inner.end
        self._emit(self.source[at:region.end])

    def _write(self, region):
        if region.kind == "statement":
            begin = self._size
            self._emit(f"if (::mutation::on({region.mutants[0].number})) {{}} else ")
            self._places.append((begin, self._size, region.mutants[0]))
            self._write_inner(region)
            return
        self._emit("(")
        negated = False
        for m in region.mutants:
            begin = self._size
            self._emit(f"::mutation::on({m.number}) ? ({m.text}) : ")
            self._places.append((begin, self._size, m))
            negated = negated or m.text.startswith("!(") or m.text.startswith("static_cast<bool>(")
        self._emit("static_cast<bool>(" if negated else "(")
        self._write_inner(region)
        self._emit("))")


def place_of(places, line, column):
    """The mutants that stand at this line and column of a woven header; all of the line where none does."""
    exact, same_line = [], []
    for starts, a, b, m in places:
        if line > len(starts):
            continue
        begin = starts[line - 1]
        end = starts[line] if line < len(starts) else 1 << 60
        if a <= begin + column - 1 < b:
            exact.append(m)
        if a < end and b > begin:
            same_line.append(m)
    return exact or same_line
