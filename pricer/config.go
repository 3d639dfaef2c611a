package pricer

// Config configures the pricer service. The catalogue is not configuration: it comes through
// METERED.
type Config struct{}

// logicVersion changes with every change of the charges for the same spans.
const logicVersion = "pricer/7"
