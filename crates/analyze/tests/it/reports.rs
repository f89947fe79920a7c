//! What is read in what real tools wrote for machines: `tests/outputs/reports`.

use std::fmt::Write as _;
use std::path::Path;

use hyperion_analyze::{Format, Report, report};

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs");
    std::fs::read(folder.join(name)).unwrap()
}

fn told(format: Format, name: &str) -> String {
    let Report {
        passed,
        failed,
        skipped,
        warnings,
        problems,
        warned,
    } = report(format, &bytes(name), Some("/project")).unwrap();
    let mut out =
        format!("{passed} passed, {failed} failed, {skipped} skipped, {warnings} warnings\n");
    for problem in problems.into_iter().chain(warned) {
        let place = problem
            .place
            .map_or("-".to_owned(), |place| place.to_string());
        let (test, code) = (
            problem.test.unwrap_or_default(),
            problem.code.unwrap_or_default(),
        );
        writeln!(
            out,
            "{} {place} {test} {code}: {}",
            problem.kind, problem.message
        )
        .unwrap();
    }
    out
}

// I2: counts, and each failure with its place.
#[test]
fn junit_of_five_tools_is_read() {
    insta::assert_snapshot!(told(Format::Junit, "reports/surefire.xml"), @r#"
    1 passed, 2 failed, 1 skipped, 0 warnings
    assertion org/example/ShopTest.java:8 org.example.ShopTest.addsUp java.lang.AssertionError: expected:<6> but was:<7>
    test_failure org/example/ShopTest.java:12 org.example.ShopTest.takesNothing java.lang.NullPointerException: Cannot read the array length because "<local2>" is null
    "#);
    insta::assert_snapshot!(told(Format::Junit, "reports/pytest-junit.xml"), @"
    1 passed, 5 failed, 1 skipped, 0 warnings
    dependency tests/test_gone.py:1 tests.test_gone : ModuleNotFoundError: No module named 'shop.stock'
    assertion tests/test_cart.py:12 tests.test_cart.test_adds_up AssertionError: assert 3 == 4
    not_found shop/cart.py:9 tests.test_cart.test_reads FileNotFoundError: [Errno 2] No such file or directory: 'prices.csv'
    type shop/cart.py:5 tests.test_cart.TestMore.test_odd[None] TypeError: 'NoneType' object is not subscriptable
    test_failure shop/cart.py:5 tests.test_cart.TestMore.test_odd[price1] KeyError: 'amount'
    ");
    insta::assert_snapshot!(told(Format::Junit, "reports/nextest-junit.xml"), @r#"
    1 passed, 3 failed, 0 skipped, 0 warnings
    not_found src/lib.rs:28:47 shop.tests::a_file_is_read : the price list: Os { code: 2, kind: NotFound, message: "No such file or directory" }
    assertion src/lib.rs:18:9 shop.tests::it_adds_up : assertion `left == right` failed: all of them left: 5 right: 6
    test_failure src/lib.rs:9:29 shop.tests::there_is_a_first : called `Option::unwrap()` on a `None` value
    "#);
    insta::assert_snapshot!(told(Format::Junit, "reports/vitest-junit.xml"), @"
    1 passed, 3 failed, 1 skipped, 0 warnings
    dependency src/other.test.js src/other.test.js Error: Failed to load url ./absent.js (resolved id: ./absent.js) in /project/src/other.test.js. Does the file exist?
    assertion src/total.test.js:6:51 src/total.test.js.total > adds up AssertionError: expected 4 to be 3 // Object.is equality
    type src/total.js:2:38 src/total.test.js.total > takes nothing TypeError: Cannot read properties of null (reading 'amount')
    ");
    insta::assert_snapshot!(told(Format::Junit, "reports/jest-junit.xml"), @"
    1 passed, 2 failed, 0 skipped, 0 warnings
    assertion total.test.js:4:49 adds up Error: expect(received).toBe(expected) // Object.is equality
    type total.js:1:70 takes nothing TypeError: Cannot read properties of null (reading 'amount')
    ");
}

#[test]
fn json_of_test_runners_is_read() {
    insta::assert_snapshot!(told(Format::JestJson, "reports/jest.json"), @"
    1 passed, 3 failed, 0 skipped, 0 warnings
    assertion total.test.js:4:49 adds up : expect(received).toBe(expected) // Object.is equality
    type total.js:1:70 takes nothing TypeError: Cannot read properties of null (reading 'amount')
    dependency other.test.js:1:38 other.test.js : Cannot find module 'gone-for-good' from 'other.test.js'
    ");
    insta::assert_snapshot!(told(Format::JestJson, "reports/vitest.json"), @"
    1 passed, 3 failed, 1 skipped, 0 warnings
    dependency src/other.test.js src/other.test.js : Failed to load url ./absent.js (resolved id: ./absent.js) in /project/src/other.test.js. Does the file exist?
    assertion src/total.test.js:6:51 total > adds up AssertionError: expected 4 to be 3 // Object.is equality
    type src/total.js:2:38 total > takes nothing TypeError: Cannot read properties of null (reading 'amount')
    ");
    insta::assert_snapshot!(told(Format::GoJson, "reports/go.jsonl"), @"
    1 passed, 4 failed, 1 skipped, 0 warnings
    assertion main_test.go:10 TestAddsUp : got 5, want 6
    not_found main_test.go:17 TestParts/read : open prices.csv: no such file or directory
    test_failure main.go:6 TestNothing : runtime error: slice bounds out of range [1:0]
    ");
}

#[test]
fn json_of_compilers_and_linters_is_read() {
    insta::assert_snapshot!(told(Format::CargoJson, "reports/cargo.jsonl"), @"
    0 passed, 2 failed, 0 skipped, 0 warnings
    dependency src/lib.rs:1:5  E0432: unresolved import `serde`
    compile src/lib.rs:2:12  E0432: unresolved import `crate::cart`
    ");
    insta::assert_snapshot!(told(Format::EslintJson, "reports/eslint.json"), @"
    0 passed, 4 failed, 0 skipped, 1 warnings
    compile src/a.js:2:5  no-undef: 'wrong' is not defined.
    compile src/a.js:2:11  eqeqeq: Expected '===' and instead saw '=='.
    compile src/a.js:3:3  no-undef: 'console' is not defined.
    syntax src/b.js:2:3  : Unexpected keyword 'return'
    compile src/a.js:1:7  no-unused-vars: 'left' is assigned a value but never used.
    ");
    insta::assert_snapshot!(told(Format::RuffJson, "reports/ruff.json"), @"
    0 passed, 5 failed, 0 skipped, 0 warnings
    compile bad.py:1:8  F401: `os` imported but unused
    compile bad.py:2:8  F401: `sys` imported but unused
    compile bad.py:7:16  F821: Undefined name `undefined`
    syntax worse.py:1:7  : Expected a parameter or the end of the parameter list
    syntax worse.py:1:8  : Expected `)`, found newline
    ");
}

// I2, T3: type checkers and formatters have no report, and are read as they write for people.
#[test]
fn type_checkers_and_formatters_are_read() {
    insta::assert_snapshot!(told(Format::Mypy, "recorded/mypy-type.txt"), @r#"
    0 passed, 3 failed, 0 skipped, 0 warnings
    dependency bad.py:1  import-not-found: Cannot find implementation or library stub for module named "requests_of_nobody"
    type bad.py:5  return-value: Incompatible return value type (got "str", expected "int")
    type bad.py:8  arg-type: Argument 1 to "area" has incompatible type "str"; expected "int"
    "#);
    insta::assert_snapshot!(told(Format::Mypy, "recorded/mypy-syntax.txt"), @"
    0 passed, 2 failed, 0 skipped, 0 warnings
    syntax worse.py:1  syntax: Expected a parameter or the end of the parameter list
    syntax worse.py:1  syntax: Expected `)`, found newline
    ");
    insta::assert_snapshot!(told(Format::Mypy, "reports/mypy-passed.txt"), @"0 passed, 0 failed, 0 skipped, 0 warnings");
    insta::assert_snapshot!(told(Format::Tsc, "recorded/tsc-type.txt"), @"
    0 passed, 3 failed, 0 skipped, 0 warnings
    dependency src/cart.ts:1:21  TS2307: Cannot find module './tax.js' or its corresponding type declarations.
    dependency src/cart.ts:2:21  TS2307: Cannot find module 'left-pad' or its corresponding type declarations.
    type src/cart.ts:5:3  TS2322: Type 'string' is not assignable to type 'number'.
    ");
    insta::assert_snapshot!(told(Format::Unformatted, "reports/rustfmt.txt"), @"
    0 passed, 2 failed, 0 skipped, 0 warnings
    compile src/lib.rs:1  : it is not formatted
    compile src/part.rs:1  : it is not formatted
    ");
    insta::assert_snapshot!(told(Format::Unformatted, "reports/ruff-format.txt"), @"
    0 passed, 1 failed, 0 skipped, 0 warnings
    compile odd.py:1:2  : it is not formatted
    syntax worse.py:1:7  : Expected a parameter or the end of the parameter list
    ");
    insta::assert_snapshot!(told(Format::Unformatted, "reports/prettier.txt"), @"
    0 passed, 1 failed, 0 skipped, 0 warnings
    compile src/odd.js  : it is not formatted
    ");
    insta::assert_snapshot!(told(Format::Unformatted, "reports/gofmt.txt"), @"
    0 passed, 1 failed, 0 skipped, 0 warnings
    compile sub/b.go  : it is not formatted
    syntax sub/c.go:3:13  : expected '}', found 'EOF'
    ");
}

#[test]
fn sums_for_people_are_read() {
    insta::assert_snapshot!(told(Format::Libtest, "recorded/cargo-test.txt"), @r#"
    1 passed, 3 failed, 1 skipped, 0 warnings
    not_found src/lib.rs:28:47 tests::a_file_is_read : the price list: Os { code: 2, kind: NotFound, message: "No such file or directory" }
    assertion src/lib.rs:18:9 tests::it_adds_up : assertion `left == right` failed: all of them left: 5 right: 6
    test_failure src/lib.rs:9:29 tests::there_is_a_first : called `Option::unwrap()` on a `None` value
    "#);
    insta::assert_snapshot!(told(Format::Nextest, "recorded/nextest-failing.txt"), @r#"
    1 passed, 3 failed, 1 skipped, 0 warnings
    not_found src/lib.rs:28:47 tests::a_file_is_read : the price list: Os { code: 2, kind: NotFound, message: "No such file or directory" }
    assertion src/lib.rs:18:9 tests::it_adds_up : assertion `left == right` failed: all of them left: 5 right: 6
    test_failure src/lib.rs:9:29 tests::there_is_a_first : called `Option::unwrap()` on a `None` value
    "#);
    insta::assert_snapshot!(told(Format::Pytest, "recorded/pytest-failing.txt"), @"
    1 passed, 4 failed, 1 skipped, 0 warnings
    not_found shop/cart.py:9 test_reads FileNotFoundError: [Errno 2] No such file or directory: 'prices.csv'
    assertion tests/test_cart.py:12 test_adds_up AssertionError: assert 3 == 4
    type shop/cart.py:5 TestMore.test_odd[None] TypeError: 'NoneType' object is not subscriptable
    test_failure shop/cart.py:5 TestMore.test_odd[price1] KeyError: 'amount'
    ");
}

#[test]
fn what_is_no_report_is_refused_with_the_reason() {
    let mut out = String::new();
    for format in Format::ALL {
        let refused = report(format, b"{\"hello\": 1}", None).unwrap_err();
        writeln!(out, "{refused}").unwrap();
    }
    writeln!(
        out,
        "{}",
        report(
            Format::Junit,
            b"<!DOCTYPE a [<!ENTITY b \"c\">]><testsuite/>",
            None
        )
        .unwrap_err()
    )
    .unwrap();
    let large = vec![b' '; 16 * 1024 * 1024 + 1];
    writeln!(out, "{}", report(Format::Junit, &large, None).unwrap_err()).unwrap();
    insta::assert_snapshot!(out, @"
    the report is not what it should be: text outside of elements
    the report is not what it should be: there are no testResults
    the report is not what it should be: there are no events of `go test -json`
    the report is not what it should be: it is no list of files
    the report is not what it should be: it is no list
    the report is not what it should be: there are no messages of cargo
    the report is not what it should be: there is no line `test result:`
    the report is not what it should be: there is no line `Summary`
    the report is not what it should be: there is no sum of tests
    the report is not what it should be: there is no sum of errors
    the report is not what it should be: there is no error of the compiler
    the report is not what it should be: it names no file
    the report is not what it should be: a document type, which no report needs
    the report has 16777217 bytes, over 16777216: run fewer tests at a time
    ");
}
