//! Rust text cut into tokens and comments; the contents of literals are dropped.

/// An identifier, a keyword, a number, a lifetime (as `'` and a word) or one punctuation character.
/// A string literal is the token `"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As written.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// One line of a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// With its slashes.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// Cuts `text`. Text that is not Rust gives some tokens or other, never a panic.
pub fn lex(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let mut lexer = Lexer { chars: text.chars().collect(), line: 1, ..Lexer::default() };
    while let Some(next) = lexer.peek(0) {
        lexer.step(next);
    }
    (lexer.tokens, lexer.comments)
}

#[derive(Default)]
struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Lexer {
    fn step(&mut self, next: char) {
        match (next, self.peek(1)) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            _ if is_word(next) => self.word(),
            _ if next.is_whitespace() => {
                self.bump();
            }
            _ => {
                self.push(next.to_string());
                self.bump();
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn push(&mut self, text: String) {
        self.tokens.push(Token { text, line: self.line });
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = &self.chars[self.at..];
        let text: String = rest.iter().copied().take_while(|c| wanted(*c)).collect();
        self.at += text.chars().count();
        text
    }

    fn line_comment(&mut self) {
        let text = self.take_while(|c| c != '\n');
        self.comments.push(Comment { text, line: self.line });
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        let mut text = String::new();
        while let Some(next) = self.peek(0) {
            match (next, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                ('\n', _) => {
                    let text = std::mem::take(&mut text);
                    self.comments.push(Comment { text, line: self.line });
                }
                _ => {}
            }
            text.push(next);
            self.bump();
            if depth == 0 {
                self.bump();
                break;
            }
        }
        self.comments.push(Comment { text, line: self.line });
    }

    fn string(&mut self) {
        self.push('"'.to_string());
        self.bump();
        while let Some(next) = self.bump() {
            match next {
                '\\' => drop(self.bump()),
                '"' => break,
                _ => {}
            }
        }
    }

    /// At the `"` or the first `#` of a raw string, behind its prefix.
    fn raw_string(&mut self) {
        self.push('"'.to_string());
        let hashes = self.take_while(|c| c == '#').len();
        self.bump();
        while let Some(next) = self.bump() {
            let closing = (0..hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if next == '"' && closing {
                self.at += hashes;
                break;
            }
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        let literal = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.bump();
        if !literal {
            let name = self.take_while(is_word);
            return self.push(format!("'{name}"));
        }
        while let Some(next) = self.bump() {
            match next {
                '\\' => drop(self.bump()),
                '\'' => break,
                _ => {}
            }
        }
    }

    fn word(&mut self) {
        let word = self.take_while(is_word);
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        let raw = matches!(&*word, "r" | "br" | "cr") && self.peek(hashes) == Some('"');
        match raw {
            true => self.raw_string(),
            false => self.push(word),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        lex(text).0.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn literals_lose_their_contents() {
        assert_eq!(words(r#"f("a } \" // b", b"c")"#), ["f", "(", "\"", ",", "b", "\"", ")"]);
        assert_eq!(words("r##\"a \"# fn\"## ; br\"\\\" x"), ["\"", ";", "\"", "x"]);
        assert_eq!(
            words(r"['{', '\'', '\\', '\u{7d}', 'é'] b'}'"),
            "[ , , , , ] b".split(' ').collect::<Vec<_>>()
        );
    }

    #[test]
    fn lifetimes_are_not_characters() {
        assert_eq!(words("&'a str 'static: 'x'"), ["&", "'a", "str", "'static", ":"]);
    }

    #[test]
    fn raw_identifiers_are_not_raw_strings() {
        assert_eq!(words("r#type r"), ["r", "#", "type", "r"]);
    }

    #[test]
    fn comments_are_set_aside_with_their_lines() {
        let (tokens, comments) = lex("a // b \"\n/* c /* d */\n e */ f\n//! g");
        let lines: Vec<_> = tokens.iter().map(|t| (&*t.text, t.line)).collect();
        assert_eq!(lines, [("a", 1), ("f", 3)]);
        let lines: Vec<_> = comments.iter().map(|c| (c.text.trim(), c.line)).collect();
        assert_eq!(lines, [("// b \"", 1), ("/* c /* d */", 2), ("e *", 3), ("//! g", 4)]);
    }

    #[test]
    fn text_that_ends_early_is_no_trouble() {
        for text in ["\"a", "'\\", "'", "/*", "r#\"", "b'", "/", "\"\\"] {
            lex(text);
        }
    }

    #[test]
    fn strings_count_their_lines() {
        let (tokens, _) = lex("\"a\nb\" c r\"\n\" d");
        assert_eq!(tokens.iter().map(|t| t.line).collect::<Vec<_>>(), [1, 2, 2, 3]);
    }
}
