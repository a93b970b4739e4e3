//! What a bought number is called at the carrier: people see whose it is, and we find it again.

use uuid::Uuid;

/// The carrier takes 255 characters (FACTS 3); names longer than this are cut.
const NAME_CHARS_MAX: usize = 150;

/// Begins with the workspace's name and carries the order's id.
pub fn friendly_name(workspace: &str, order: Uuid) -> String {
    let name: String = workspace
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS_MAX)
        .collect();
    format!("{} [order {order}]", name.trim_end())
}

/// Whether a number was bought by this order.
pub fn belongs_to(friendly_name: Option<&str>, order: Uuid) -> bool {
    friendly_name.is_some_and(|name| name.contains(&order.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_and_which() {
        let order = Uuid::now_v7();
        let name = friendly_name("Acme\n & Söhne", order);
        assert!(name.starts_with("Acme & Söhne ["), "{name}");
        assert!(belongs_to(Some(&name), order));
        assert!(!belongs_to(Some(&name), Uuid::now_v7()));
        assert!(!belongs_to(None, order));
        assert!(friendly_name(&"é".repeat(5000), order).chars().count() <= 255);
    }
}
