macro_rules! points {
    ($($variant:ident $name:literal $about:literal)*) => {
        /// A place in the program between two steps of its journal.
        ///
        /// To add one: a line in the table of this file, [`reached`](crate::reached) at the place, and its name in the list of
        /// the scenario that gets there (`crates/hyperion/tests/it/fail_points`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Point {
            $(#[doc = $about] $variant,)*
        }

        impl Point {
            /// Every point there is, in the order of the road.
            pub const ALL: &'static [Point] = &[$(Point::$variant,)*];

            /// Its name, dotted: the crate, the act, the moment.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Point::$variant => $name,)*
                }
            }

            /// What is durable before it, and what is not.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Point::$variant => $about,)*
                }
            }
        }
    };
}

// In the order of the road; each line says what is durable before the point, and what is not.
points! {
    StoreGroupBegun "store.group.begun" "A transaction is open; nothing is in it."
    StoreGroupWritten "store.group.written" "Rows, events and the sealed head are in the transaction; it is not committed."
    StoreGroupCommitted "store.group.committed" "The group is durable; nobody was told: no follower, no caller."
    StoreGroupPublished "store.group.published" "The group is durable and followers were told; callers have no answer."
}

impl Point {
    /// The point with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|point| point.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_point_is_found_by_its_own_name() {
        for (place, point) in Point::ALL.iter().enumerate() {
            assert_eq!(*point as usize, place);
            assert_eq!(Point::from_name(point.name()), Some(*point));
        }
        let names: BTreeSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
    }

    #[test]
    fn names_are_dotted_and_in_small_letters() {
        for point in Point::ALL {
            let name = point.name();
            let is_plain = |part: &str| {
                !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            };
            assert!(
                name.split('.').count() >= 3 && name.split('.').all(is_plain),
                "{name}"
            );
            assert!(point.about().ends_with('.'), "{name}");
        }
    }

    #[test]
    fn no_name_is_none() {
        assert_eq!(Point::from_name("store.group"), None);
    }
}
