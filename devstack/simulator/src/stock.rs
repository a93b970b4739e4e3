//! Numbers for sale, and where they come from.

use serde::Serialize;

use crate::random::Random;

/// What happens when somebody buys it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purchase {
    /// It is sold.
    Sold,
    /// Somebody else was faster: refused although the search shows it.
    Gone,
    /// The project has no money: 4001.
    NoBalance,
    /// It is sold, and the answer is a 500.
    SoldThenError,
}

/// A number in the carrier's stock.
#[derive(Debug, Clone, Serialize)]
pub struct StockNumber {
    /// E.164.
    pub phone_number: String,
    /// Two letters, US and Canada only.
    pub region: Option<String>,
    /// Upper case, as the carrier prints it.
    pub rate_center: Option<String>,
    /// `US`, `CA`.
    pub iso_country: String,
    /// Found under `/TollFree` instead of `/Local`.
    pub toll_free: bool,
    /// Takes calls.
    pub voice: bool,
    /// Takes SMS.
    pub sms: bool,
    /// Takes MMS.
    pub mms: bool,
    /// What a purchase does.
    pub purchase: Purchase,
    /// Shown only to searches that name its area code.
    pub only_by_area_code: bool,
}

impl StockNumber {
    /// A local US number with every capability.
    pub fn local(phone_number: impl Into<String>, region: &str) -> Self {
        Self {
            phone_number: phone_number.into(),
            region: Some(region.to_owned()),
            rate_center: None,
            iso_country: "US".to_owned(),
            toll_free: false,
            voice: true,
            sms: true,
            mms: true,
            purchase: Purchase::Sold,
            only_by_area_code: false,
        }
    }

    /// The three digits after `+1`.
    pub fn area_code(&self) -> &str {
        self.phone_number
            .strip_prefix("+1")
            .and_then(|rest| rest.get(..3))
            .unwrap_or_default()
    }
}

/// Area code, region, country, rate centre.
const AREAS: &[(&str, &str, &str, &str)] = &[
    ("405", "OK", "US", "OKLAHOMA CITY"),
    ("539", "OK", "US", "TULSA"),
    ("918", "OK", "US", "TULSA"),
    ("580", "OK", "US", "LAWTON"),
    ("572", "OK", "US", "OKLAHOMA CITY"),
    ("415", "CA", "US", "SAN FRANCISCO"),
    ("628", "CA", "US", "SAN FRANCISCO"),
    ("212", "NY", "US", "NEW YORK CITY"),
    ("646", "NY", "US", "NEW YORK CITY"),
    ("416", "ON", "CA", "TORONTO"),
];

/// Numbers per ordinary area code.
const PER_AREA: usize = 30;

/// The default stock: 30 numbers in each of ten area codes, every fifth without SMS, every seventh without voice; ten
/// toll-free ones; and the magic area codes of [`crate::magic::MAGIC_AREA_CODES`].
pub(crate) fn generate(random: &mut Random) -> Vec<StockNumber> {
    let mut stock = Vec::new();
    let mut add = |random: &mut Random,
                   area: &str,
                   region: Option<&str>,
                   country: &str,
                   center: Option<&str>,
                   i: usize| {
        let number = loop {
            // 55x exchanges are left out: 555 belongs to directory services and to tests.
            let exchange = random.between(220, 550);
            let number = format!("+1{area}{exchange}{:04}", random.between(1000, 9999));
            let n11 = exchange % 100 == 11;
            if !n11 && stock.iter().all(|row: &StockNumber| row.phone_number != number) {
                break number;
            }
        };
        let mut row = StockNumber::local(number, region.unwrap_or_default());
        row.region = region.map(str::to_owned);
        row.rate_center = center.map(str::to_owned);
        country.clone_into(&mut row.iso_country);
        row.sms = i % 5 != 4;
        row.mms = row.sms;
        row.voice = i % 7 != 6;
        stock.push(row);
        stock.len() - 1
    };
    for (area, region, country, center) in AREAS {
        for i in 0..PER_AREA {
            add(random, area, Some(region), country, Some(center), i);
        }
    }
    let mut changes: Vec<(usize, Purchase)> = Vec::new();
    for i in 0..10 {
        let at = add(random, ["833", "844", "855"][i % 3], None, "US", None, i);
        changes.push((at, Purchase::Sold));
    }
    let toll_free = changes.len();
    for (area, region, purchase) in [
        ("209", "CA", Purchase::Gone),
        ("213", "CA", Purchase::NoBalance),
        ("323", "CA", Purchase::SoldThenError),
        ("908", "NJ", Purchase::Sold),
    ] {
        for i in 0..3 {
            // Position 4 lacks SMS, position 6 lacks voice.
            let position = if area == "908" { [4, 6, 4][i] } else { i };
            changes.push((add(random, area, Some(region), "US", None, position), purchase));
        }
    }
    for (nth, (at, purchase)) in changes.into_iter().enumerate() {
        stock[at].purchase = purchase;
        stock[at].toll_free = nth < toll_free;
        stock[at].only_by_area_code = nth >= toll_free;
    }
    stock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_stock_is_shaped_like_the_plan() {
        let stock = generate(&mut Random::new(Some(1)));
        let in_405: Vec<_> = stock.iter().filter(|row| row.area_code() == "405").collect();
        assert_eq!(in_405.len(), PER_AREA);
        assert!(in_405.iter().any(|row| !row.sms) && in_405.iter().any(|row| !row.voice));
        assert!(in_405[0].sms && in_405[0].voice);
        assert_eq!(stock.iter().filter(|row| row.toll_free).count(), 10);
        assert!(
            stock
                .iter()
                .filter(|row| row.area_code() == "908")
                .all(|row| !(row.sms && row.voice))
        );
        assert!(stock.iter().all(|row| row.area_code() != "907"));
    }
}
