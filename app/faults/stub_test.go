package faults

func changeRows() []row { return nil }
func configRows() []row { return nil }
func rightRows() []row  { return nil }
func soakRows() []row   { return nil }
