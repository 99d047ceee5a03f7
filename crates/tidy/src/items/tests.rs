use super::*;
use crate::lexer::lex;

fn only(text: &str) -> Function {
    let found = functions(&lex(text).0);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().expect("one")
}

#[test]
fn a_function_is_measured_from_its_keyword_to_its_brace() {
    let function = only("/// doc\npub fn f(\n) -> [u8; 2] {\n    let x = Foo { a: 1 };\n}\n");
    assert_eq!((&*function.name, function.line, function.lines), ("f", 2, 4));
}

#[test]
fn parameters_are_counted_without_self() {
    for (signature, count) in [
        ("fn f()", 0),
        ("fn f(&mut self)", 0),
        ("fn f(&'a self, x: u8)", 1),
        ("fn f(self: Box<Self>, x: HashMap<u8, u8>, (a, b): (u8, u8),)", 2),
        ("fn f<F: Fn(u8, u8) -> u8, G>(f: F, g: fn(u8, u8) -> u8, x: [u8; N])", 3),
        ("fn f(x: Option<Box<dyn Fn() -> Vec<u8>>>, y: u8)", 2),
        ("fn f(x: self::Type, y: u8)", 2),
    ] {
        assert_eq!(only(&format!("{signature} {{}}")).parameters, count, "{signature}");
    }
}

#[test]
fn declarations_and_pointers_are_not_functions() {
    let text = "trait T { fn f(&self); } type P = fn(u8); fn g() where P: Q<[u8; 1]> {}";
    assert_eq!(only(text).name, "g");
}

#[test]
fn nested_functions_count_for_themselves() {
    let found = functions(&lex("fn f() { fn g() {} }").0);
    assert_eq!(found.iter().map(|f| &*f.name).collect::<Vec<_>>(), ["f", "g"]);
}

#[test]
fn test_items_are_found_whole() {
    let text = "\
use a;
#[cfg(test)]
mod tests;
fn f() {}
#[test]
#[ignore = \"slow\"]
fn g() {
}
#[cfg(test)]
mod inner {
    #[test]
    fn h() {}
}
fn i() {}
";
    assert_eq!(test_lines(&lex(text).0), [2..4, 5..9, 9..14]);
}

#[test]
fn what_is_compiled_without_tests_is_not_a_test() {
    assert_eq!(test_lines(&lex("#[cfg(not(test))] fn f() {}").0), []);
}
