//! The North American Numbering Plan: which area code lies where.
//!
//! Used to look for a number near the one that was asked for, and to tell the other countries behind `+1` from the US and
//! Canada, which cost many times as much. The table follows the public numbering plan; a code that is not in it counts as the
//! US, where all new ones have been opened, except the ranges that are no place at all.

/// Country (ISO 3166), region (the two letters that the carrier's search takes as `InRegion`) and its area codes.
#[rustfmt::skip]
const REGIONS: &[(&str, &str, &[u16])] = &[
    ("CA", "AB", &[368, 403, 587, 780, 825]),
    ("CA", "BC", &[236, 250, 257, 604, 672, 778]),
    ("CA", "MB", &[204, 431, 584]),
    ("CA", "NB", &[428, 506]),
    ("CA", "NL", &[709, 879]),
    ("CA", "NS", &[782, 902]),
    ("CA", "ON", &[226, 249, 289, 343, 365, 382, 416, 437, 519, 548, 613, 647, 683, 705, 742, 753, 807, 905, 942]),
    ("CA", "QC", &[263, 273, 354, 367, 418, 438, 450, 468, 514, 579, 581, 819, 873]),
    ("CA", "SK", &[306, 474, 639]),
    ("CA", "YT", &[867]),
    ("US", "AK", &[907]),
    ("US", "AL", &[205, 251, 256, 334, 659, 938]),
    ("US", "AR", &[327, 479, 501, 870]),
    ("US", "AZ", &[480, 520, 602, 623, 928]),
    ("US", "CA", &[209, 213, 279, 310, 323, 341, 350, 369, 408, 415, 424, 442, 510, 530, 559, 562, 619, 626, 628, 650, 657, 661, 669, 707, 714, 738, 747, 760, 805, 818, 820, 831, 840, 858, 909, 916, 925, 949, 951]),
    ("US", "CO", &[303, 719, 720, 748, 970, 983]),
    ("US", "CT", &[203, 475, 860, 959]),
    ("US", "DC", &[202, 771]),
    ("US", "DE", &[302]),
    ("US", "FL", &[239, 305, 321, 324, 352, 386, 407, 448, 561, 645, 656, 689, 727, 728, 754, 772, 786, 813, 850, 863, 904, 941, 954]),
    ("US", "GA", &[229, 404, 470, 478, 678, 706, 762, 770, 912, 943]),
    ("US", "HI", &[808]),
    ("US", "IA", &[319, 515, 563, 641, 712]),
    ("US", "ID", &[208, 986]),
    ("US", "IL", &[217, 224, 309, 312, 331, 447, 464, 618, 630, 708, 730, 773, 779, 815, 847, 872]),
    ("US", "IN", &[219, 260, 317, 463, 574, 765, 812, 930]),
    ("US", "KS", &[316, 620, 785, 913]),
    ("US", "KY", &[270, 364, 502, 606, 859]),
    ("US", "LA", &[225, 318, 337, 504, 985]),
    ("US", "MA", &[339, 351, 413, 508, 617, 774, 781, 857, 978]),
    ("US", "MD", &[227, 240, 301, 410, 443, 667]),
    ("US", "ME", &[207]),
    ("US", "MI", &[231, 248, 269, 313, 517, 586, 616, 734, 810, 906, 947, 989]),
    ("US", "MN", &[218, 320, 507, 612, 651, 763, 952]),
    ("US", "MO", &[235, 314, 417, 557, 573, 636, 660, 816, 975]),
    ("US", "MS", &[228, 601, 662, 769]),
    ("US", "MT", &[406]),
    ("US", "NC", &[252, 336, 472, 704, 743, 828, 910, 919, 980, 984]),
    ("US", "ND", &[701]),
    ("US", "NE", &[308, 402, 531]),
    ("US", "NH", &[603]),
    ("US", "NJ", &[201, 551, 609, 640, 732, 848, 856, 862, 908, 973]),
    ("US", "NM", &[505, 575]),
    ("US", "NV", &[702, 725, 775]),
    ("US", "NY", &[212, 315, 329, 332, 347, 363, 516, 518, 585, 607, 631, 646, 680, 716, 718, 838, 845, 914, 917, 929, 934]),
    ("US", "OH", &[216, 220, 234, 283, 326, 330, 380, 419, 440, 513, 567, 614, 740, 937]),
    ("US", "OK", &[405, 539, 572, 580, 918]),
    ("US", "OR", &[458, 503, 541, 971]),
    ("US", "PA", &[215, 223, 267, 272, 412, 445, 484, 570, 582, 610, 717, 724, 814, 835, 878]),
    ("US", "RI", &[401]),
    ("US", "SC", &[803, 821, 839, 843, 854, 864]),
    ("US", "SD", &[605]),
    ("US", "TN", &[423, 615, 629, 731, 865, 901, 931]),
    ("US", "TX", &[210, 214, 254, 281, 325, 346, 361, 409, 430, 432, 469, 512, 682, 713, 726, 737, 806, 817, 830, 832, 903, 915, 936, 940, 945, 956, 972, 979]),
    ("US", "UT", &[385, 435, 801]),
    ("US", "VA", &[276, 434, 540, 571, 686, 703, 757, 804, 826, 948]),
    ("US", "VT", &[802]),
    ("US", "WA", &[206, 253, 360, 425, 509, 564]),
    ("US", "WI", &[262, 274, 353, 414, 534, 608, 715, 920]),
    ("US", "WV", &[304, 681]),
    ("US", "WY", &[307]),
];

/// Countries and territories that share `+1` but are neither the US nor Canada to a carrier's price list.
#[rustfmt::skip]
const OTHERS: &[(&str, &[u16])] = &[
    ("AG", &[268]),
    ("AI", &[264]),
    ("AS", &[684]),
    ("BB", &[246]),
    ("BM", &[441]),
    ("BS", &[242]),
    ("DM", &[767]),
    ("DO", &[809, 829, 849]),
    ("GD", &[473]),
    ("GU", &[671]),
    ("JM", &[658, 876]),
    ("KN", &[869]),
    ("KY", &[345]),
    ("LC", &[758]),
    ("MP", &[670]),
    ("MS", &[664]),
    ("PR", &[787, 939]),
    ("SX", &[721]),
    ("TC", &[649]),
    ("TT", &[868]),
    ("VC", &[784]),
    ("VG", &[284]),
    ("VI", &[340]),
];

/// Country and region of an area code, when it is one of the US or Canada.
pub fn region(area_code: &str) -> Option<(&'static str, &'static str)> {
    let code: u16 = area_code.parse().ok()?;
    REGIONS
        .iter()
        .find(|(_, _, codes)| codes.contains(&code))
        .map(|(country, region, _)| (*country, *region))
}

/// The country that a `+1` area code belongs to.
pub fn country(area_code: &str) -> &'static str {
    let code: u16 = area_code.parse().unwrap_or(0);
    OTHERS
        .iter()
        .find(|(_, codes)| codes.contains(&code))
        .map(|(country, _)| *country)
        .or_else(|| region(area_code).map(|(country, _)| country))
        .unwrap_or(if matches!(code, 600 | 622 | 633) {
            "CA"
        } else {
            "US"
        })
}

/// Whether a text is shaped like an area code: three digits, the first from 2 to 9.
pub fn is_shaped(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()) && text.as_bytes()[0] >= b'2'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert_eq!(region("405"), Some(("US", "OK")));
        assert_eq!(region("918"), Some(("US", "OK")));
        assert_eq!(region("416"), Some(("CA", "ON")));
        assert_eq!(region("206"), Some(("US", "WA")));
        assert_eq!(region("876"), None);
        assert_eq!(region("abc"), None);
    }

    #[test]
    fn countries() {
        assert_eq!(country("876"), "JM");
        assert_eq!(country("787"), "PR");
        assert_eq!(country("604"), "CA");
        assert_eq!(country("555"), "US");
    }

    #[test]
    fn no_code_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        let others = OTHERS.iter().flat_map(|(_, codes)| codes.iter());
        for code in REGIONS
            .iter()
            .flat_map(|(_, _, codes)| codes.iter())
            .chain(others)
        {
            assert!(seen.insert(code), "{code}");
            assert!(is_shaped(&code.to_string()), "{code}");
        }
        assert!(seen.len() > 380, "{}", seen.len());
    }
}
