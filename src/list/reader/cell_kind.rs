//! What kind of cell a value had in a workbook.

/// The kind of a cell. The cells of a text file are all [`Text`](Self::Text).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum CellKind {
    /// A text, or a number with a format that shows more than its digits.
    #[default]
    Text,
    /// A number that is shown as it is, without leading zeros or a `+`.
    Number,
    Date,
    Time,
    Percent,
    Boolean,
    /// The error of a formula, such as `#N/A`.
    Error,
    /// The file does not define what the sheet shows; the value is the bare content.
    Uncertain,
    /// A formula whose result is not stored.
    NoResult,
    /// A formula whose text result is a small whole number: some programs store an index there.
    IndexResult,
    /// A number with more digits than a spreadsheet keeps.
    LostDigits,
    /// Covered by a merged cell; the sheet shows nothing here.
    Covered,
}

impl CellKind {
    /// True if the value may be another one than the operator means, depending on the column.
    pub fn is_doubtful(self) -> bool {
        !matches!(self, Self::Text | Self::Number)
    }
}
