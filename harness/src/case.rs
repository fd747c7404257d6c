//! One cell of the matrix and the key under which its history lines up. Pure.

use std::fmt;
use std::sync::Arc;

use crate::lane::NoAnswer;
