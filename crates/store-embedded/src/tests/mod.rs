//! Tests on disks that fail.

mod damage;
mod faulty;
mod full;
mod group;
mod model;
mod power;
mod split;
mod staged;
