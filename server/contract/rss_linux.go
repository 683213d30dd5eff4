package contract

// maxRSSUnit is the unit of getrusage's ru_maxrss: kilobytes on Linux.
const maxRSSUnit = 1024
