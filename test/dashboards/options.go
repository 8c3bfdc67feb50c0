package dashboards

import (
	"encoding/json"
	"fmt"
	"strings"
)

type legend struct {
	DisplayMode, Placement string
	ShowLegend             bool
	Calcs                  []string
	SortBy                 string
	SortDesc               bool
}

type tooltip struct{ Mode, Sort string }

type reduce struct {
	Calcs  []string
	Fields string
	Values bool
}

// optionsOf are the options of each type of panel.
var optionsOf = map[string]func() any{
	"timeseries": func() any {
		return new(struct {
			Legend  legend
			Tooltip tooltip
		})
	},
	"stat": func() any {
		return new(struct {
			ColorMode, GraphMode, JustifyMode, Orientation, TextMode, PercentChangeColorMode string
			ReduceOptions                                                                    reduce
			ShowPercentChange, WideLayout                                                    bool
		})
	},
	"gauge": func() any {
		return new(struct {
			Orientation, Sizing                       string
			ShowThresholdLabels, ShowThresholdMarkers bool
			MinVizWidth, MinVizHeight                 int
			ReduceOptions                             reduce
		})
	},
	"bargauge": func() any {
		return new(struct {
			DisplayMode, Orientation, ValueMode, NamePlacement, Sizing string
			ShowUnfilled                                               bool
			MinVizWidth, MinVizHeight, MaxVizHeight                    int
			ReduceOptions                                              reduce
			Legend                                                     legend
		})
	},
	"barchart": func() any {
		return new(struct {
			Orientation, XField, Stacking, ShowValue                   string
			XTickLabelRotation, XTickLabelMaxLength, XTickLabelSpacing int
			BarWidth, GroupWidth, BarRadius                            float64
			FullHighlight                                              bool
			Legend                                                     legend
			Tooltip                                                    tooltip
		})
	},
	"table": func() any {
		return new(struct {
			FrameIndex int
			CellHeight string
			ShowHeader bool
			SortBy     []struct {
				DisplayName string
				Desc        bool
			}
		})
	},
	"state-timeline": func() any {
		return new(struct {
			MergeValues           bool
			ShowValue, AlignValue string
			RowHeight             float64
			Legend                legend
			Tooltip               tooltip
		})
	},
}

type mode struct{ Mode string }

// A cell is how a table shows a value.
type cell struct {
	Type, Mode, ValueDisplayMode string
	WrapText                     bool
}

// customOf is what a type of panel adds to a field.
func customOf(panel string) any {
	switch panel {
	case "table":
		return new(struct {
			Align               string
			Width               int
			Inspect, Filterable bool
			CellOptions         cell
		})
	default: // of the graphs
		return new(struct {
			DrawStyle, LineInterpolation, GradientMode, ShowPoints string
			LineWidth, FillOpacity, PointSize                      int
			SpanNulls, InsertNulls                                 bool
			AxisPlacement, AxisLabel, AxisColorMode                string
			AxisBorderShow, AxisCenteredZero                       bool
			ScaleDistribution                                      struct{ Type string }
			BarAlignment                                           int
			BarWidthFactor                                         float64
			Stacking                                               struct{ Mode, Group string }
			HideFrom                                               struct{ Legend, Tooltip, Viz bool }
			ThresholdsStyle                                        mode
			Transform                                              string
		})
	}
}

type mapped struct {
	Text, Color string
	Index       int
}

func mappingOf(typ string) any {
	if typ == "value" {
		return new(map[string]mapped)
	}
	return new(struct {
		From, To *float64
		Result   mapped
	})
}

// checkProperty decodes an override, as the field of the name would be.
func checkProperty(panel, id string, value json.RawMessage) error {
	key, custom := strings.CutPrefix(id, "custom.")
	text, err := json.Marshal(map[string]json.RawMessage{key: value})
	if err != nil {
		return err
	}
	if custom {
		return strict(text, customOf(panel))
	}
	return strict(text, new(Field))
}

// transformationOf are the options of each transformation.
var transformationOf = map[string]func() any{
	"groupBy": func() any {
		return new(struct {
			Fields map[string]struct {
				Operation    string
				Aggregations []string
			}
		})
	},
	"joinByField": func() any { return new(struct{ ByField, Mode string }) },
	"convertFieldType": func() any {
		return new(struct {
			Conversions []struct{ TargetField, DestinationType, JoinWith string }
			Fields      struct{}
		})
	},
	"organize": func() any {
		return new(struct {
			ExcludeByName map[string]bool
			IndexByName   map[string]int
			RenameByName  map[string]string
		})
	},
	"formatTime": func() any {
		return new(struct {
			TimeField, OutputFormat string
			UseTimezone             bool
		})
	},
	"sortBy": func() any {
		return new(struct {
			Fields struct{}
			Sort   []struct {
				Field string
				Desc  bool
			}
		})
	},
}

// String names the panel for messages.
func (p *Panel) String() string { return fmt.Sprintf("panel %d, %q", p.ID, p.Title) }
