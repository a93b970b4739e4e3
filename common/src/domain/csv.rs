//! Lines of CSV (RFC 4180), harmless in a spreadsheet.

/// One line. A field that a spreadsheet would take for a formula begins with an apostrophe; telephone numbers stay as they are.
pub fn line(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    fields.join(",") + "\r\n"
}

fn quoted(field: &str) -> String {
    let is_number = field
        .strip_prefix('+')
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let is_formula = !is_number && field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if is_formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_survive_and_formulas_do_not() {
        assert_eq!(line(&["a", "", "+14155551234"]), "a,,+14155551234\r\n");
        assert_eq!(
            line(&["x,y", "say \"hi\"", "two\nlines"]),
            "\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n"
        );
        assert_eq!(
            line(&["=1+1", "+cmd", "-2", "@sum", "=a,b"]),
            "'=1+1,'+cmd,'-2,'@sum,\"'=a,b\"\r\n"
        );
    }
}
