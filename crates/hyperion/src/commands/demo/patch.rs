//! Writes the patches that the demo's requests carry.

/// How many unchanged lines stand around a change.
const CONTEXT_LINES: usize = 3;

/// Writes a change of one place as a unified diff; both texts end with a newline.
pub(super) fn patch(path: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - start;
    let ends = old.iter().rev().zip(new.iter().rev()).take(room);
    let end = ends.take_while(|(a, b)| a == b).count();

    let first = start.saturating_sub(CONTEXT_LINES);
    let after = end.min(CONTEXT_LINES);
    let removed = &old[start..old.len() - end];
    let added = &new[start..new.len() - end];
    let around = start - first + after;
    let mut text = format!(
        "--- a/{path}\n+++ b/{path}\n@@ -{line},{} +{line},{} @@\n",
        around + removed.len(),
        around + added.len(),
        line = first + 1,
    );
    let mut put = |sign: char, lines: &[&str]| {
        for line in lines {
            text.push(sign);
            text.push_str(line);
            text.push('\n');
        }
    };
    put(' ', &old[first..start]);
    put('-', removed);
    put('+', added);
    put(' ', &old[old.len() - end..old.len() - end + after]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_stands_between_its_context() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        insta::assert_snapshot!(patch("a.txt", old, &old.replace("5\n", "five\nfive and a half\n")), @r"
        --- a/a.txt
        +++ b/a.txt
        @@ -2,7 +2,8 @@
         2
         3
         4
        -5
        +five
        +five and a half
         6
         7
         8
        ");
    }

    #[test]
    fn the_ends_of_a_file_have_less_around_them() {
        insta::assert_snapshot!(patch("a", "1\n2\n", "0\n1\n2\n"), @r"
        --- a/a
        +++ b/a
        @@ -1,2 +1,3 @@
        +0
         1
         2
        ");
        insta::assert_snapshot!(patch("a", "1\n2\n2\n", "1\n2\n2\n2\n"), @r"
        --- a/a
        +++ b/a
        @@ -1,3 +1,4 @@
         1
         2
         2
        +2
        ");
    }
}
