// Prelude of kernels that move a window over SPATIAL dimensions, which are counted from the innermost.
//
// Overrides: O0, I0, K0, ...           extents of result, input and window
//            STRIDE0, PAD0, DILATION0, ...   how the window moves

//#for d in SPATIAL
override O$d: u32;
override I$d: u32;
override K$d: u32;
override STRIDE$d: u32;
override PAD$d: u32;
override DILATION$d: u32;
//#end
