package jsondoc

// Compared returns how many keys the document has compared and indexed to find duplicates.
func (d *Document) Compared() int { return d.compared }
