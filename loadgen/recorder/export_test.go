package recorder

// Like is an empty recorder of the same configuration.
func Like(r *Recorder) *Recorder { return New(r.cfg) }
