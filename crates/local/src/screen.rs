//! The terminal: a picture that is drawn over the last one, and news above it.

use std::io::{self, IsTerminal, Write, stdout};

use crate::table::clipped;

/// How many columns are used where nobody says how many there are.
const WIDTH: usize = 120;

/// Where things are shown.
#[derive(Debug)]
pub struct Screen {
    in_place: bool,
    drawn: usize,
}

impl Screen {
    /// Standard output; drawn in place if it is a terminal and not `plain`.
    pub fn new(plain: bool) -> Screen {
        Screen {
            in_place: !plain && stdout().is_terminal(),
            drawn: 0,
        }
    }

    /// Whether pictures are drawn in place.
    pub fn in_place(&self) -> bool {
        self.in_place
    }

    /// Columns of the terminal.
    pub fn width(&self) -> usize {
        size().map_or(WIDTH, |(columns, _)| columns)
    }

    /// Lets the last picture stay.
    pub fn keep(&mut self) {
        self.drawn = 0;
    }

    /// Says something that stays.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        erase(&mut out, std::mem::take(&mut self.drawn))?;
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Draws `lines` over the last picture. What does not fit is left out, for
    /// what has scrolled away cannot be drawn over.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let room = size().map_or(usize::MAX, |(_, rows)| rows.saturating_sub(1));
        let mut out = anstream::stdout().lock();
        erase(&mut out, self.drawn)?;
        let shown = lines.len().min(room.max(1));
        let (all, last) = (shown == lines.len(), shown.saturating_sub(1));
        for line in lines.iter().take(if all { shown } else { last }) {
            writeln!(out, "{line}")?;
        }
        if !all {
            writeln!(
                out,
                "{}",
                clipped("(the terminal is too small for the rest)", self.width())
            )?;
        }
        self.drawn = shown;
        out.flush()
    }
}

fn erase(out: &mut impl Write, lines: usize) -> io::Result<()> {
    if lines > 0 {
        write!(out, "\u{1b}[{lines}A\u{1b}[J")?;
    }
    Ok(())
}

/// Columns and rows of the terminal.
fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && rows > 0).then_some((columns, rows))
}
