//! Stack traces of five languages (R7), from what real programs wrote.

use std::fmt::Write as _;
use std::path::Path;

use hyperion_analyze::traces;

fn told(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs/recorded");
    let text = std::fs::read(folder.join(name)).unwrap();
    let mut out = String::new();
    for trace in traces(&String::from_utf8_lossy(&text)) {
        let caused = if trace.has_cause {
            " (has a cause)"
        } else {
            ""
        };
        writeln!(
            out,
            "{:?} {}: {}{caused}",
            trace.language,
            trace.thrown,
            trace.message.replace('\n', " ")
        )
        .unwrap();
        let own = trace.frames.iter().filter(|frame| frame.is_own).count();
        for frame in &trace.frames[..own] {
            writeln!(
                out,
                "  {} {}",
                frame.place,
                frame.function.as_deref().unwrap_or("-")
            )
            .unwrap();
        }
        writeln!(out, "  and {} of others", trace.frames.len() - own).unwrap();
    }
    out
}

// R7: the project's own frames come first, the innermost of them first of all.
#[test]
fn every_language_leads_to_files_and_lines() {
    insta::assert_snapshot!(told("rust-panic.txt"), @"
    Rust panic: index out of bounds: the len is 3 but the index is 7
      src/main.rs:2:5 shop::pick
      src/main.rs:6:20 shop::main
      and 4 of others
    ");
    insta::assert_snapshot!(told("python-type.txt"), @"
    Python TypeError: 'int' object is not subscriptable
      /project/shop/cart.py:5 <genexpr>
      /project/shop/cart.py:5 total
      /project/run.py:5 main
      /project/run.py:8 <module>
      and 0 of others
    ");
    insta::assert_snapshot!(told("node-type-error.txt"), @"
    Script TypeError: Cannot read properties of undefined (reading 'toFixed')
      /project/run.js:2:22 price
      /project/run.js:5:16 total
      /project/run.js:7:13 Object.<anonymous>
      and 6 of others
    ");
    insta::assert_snapshot!(told("go-panic.txt"), @"
    Go panic: runtime error: invalid memory address or nil pointer dereference
      /project/main.go:8 main.price
      /project/main.go:12 main.main
      and 0 of others
    ");
    insta::assert_snapshot!(told("java-load.txt"), @"
    Java java.nio.file.NoSuchFileException: prices.csv
      Shop.java:6 Shop.load
      and 9 of others
    Java java.lang.IllegalStateException: no prices in prices.csv (has a cause)
      Shop.java:8 Shop.load
      Shop.java:18 Shop.main
      and 0 of others
    ");
}

#[test]
fn causes_come_before_what_they_caused() {
    insta::assert_snapshot!(told("python-cause.txt"), @"
    Python KeyError: 'tea'
      /project/shop/cart.py:15 pick
      and 0 of others
    Python ValueError: no price for tea (has a cause)
      /project/shop/cart.py:17 pick
      /project/run.py:5 main
      /project/run.py:8 <module>
      and 0 of others
    ");
    insta::assert_snapshot!(told("python-recursion.txt"), @"
    Python RecursionError: maximum recursion depth exceeded
      /project/run.py:5 <lambda>
      /project/run.py:5 <lambda>
      /project/run.py:5 <lambda>
      /project/run.py:5 main
      /project/run.py:8 <module>
      and 0 of others
    ");
}

#[test]
fn what_a_runner_shows_in_its_own_way_is_read() {
    insta::assert_snapshot!(told("vitest-failing.txt"), @"
    Script AssertionError: expected 4 to be 3 // Object.is equality
      src/total.test.js:6:51 -
      and 0 of others
    Script TypeError: Cannot read properties of null (reading 'amount')
      src/total.js:2:38 -
      and 0 of others
    ");
    insta::assert_snapshot!(told("mvn-test.txt"), @r#"
    Java java.lang.AssertionError: expected:<6> but was:<7>
      org/example/ShopTest.java:8 org.example.ShopTest.addsUp
      and 0 of others
    Java java.lang.NullPointerException: Cannot read the array length because "<local2>" is null
      org/example/ShopTest.java:12 org.example.ShopTest.takesNothing
      and 0 of others
    "#);
    insta::assert_snapshot!(told("go-test.txt"), @"
    Go panic: runtime error: slice bounds out of range [1:0]
      /project/main.go:6 example.org/shop.Total
      /project/main_test.go:25 example.org/shop.TestNothing
      and 5 of others
    ");
    insta::assert_snapshot!(told("node-syntax.txt"), @"
    Script SyntaxError: Unexpected token ','
      /project/bad.js:2 -
      and 7 of others
    ");
}
