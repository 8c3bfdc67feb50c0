package dashboards

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// keys are the keys of each kind of object in a dashboard; * allows any. Grafana ignores a key that it does not know.
var keys = map[string]string{
	"dashboard": `uid title description tags timezone editable graphTooltip time timepicker refresh schemaVersion version
		fiscalYearStartMonth links annotations templating panels`,
	"time": "from to", "timepicker": "", "annotations": "list", "templating": "list",
	"links": "title type icon tooltip url tags asDropdown targetBlank includeVars keepTime",
	"list": `type name label description datasource query definition refresh sort regex hide skipUrlSync multi includeAll options
		allValue current`,
	"list.options": "selected text value", "current": "selected text value", "datasource": "type uid",
	"panels": `id type title description pluginVersion datasource gridPos targets fieldConfig options transformations collapsed panels
		repeat links timeFrom hideTimeOverride timeShift interval maxDataPoints`,
	"gridPos":     "x y w h",
	"targets":     "refId datasource editorMode expr legendFormat instant range exemplar interval format",
	"fieldConfig": "defaults overrides", "overrides": "matcher properties", "matcher": "id options", "properties": "id value",
	"defaults": "unit noValue color thresholds mappings custom min displayName decimals max links fieldMinMax",
	"color":    "mode fixedColor", "thresholds": "mode steps", "steps": "color value",
	"mappings": "type options", "mappings.options": "*", "mappings.options.*": "text color index",
	"legend": "displayMode placement showLegend calcs sortBy sortDesc", "tooltip": "mode sort", "reduceOptions": "calcs fields values",
	"scaleDistribution": "type", "hideFrom": "legend tooltip viz", "thresholdsStyle": "mode",

	"stat.options": `colorMode graphMode justifyMode orientation percentChangeColorMode reduceOptions showPercentChange textMode
		wideLayout`,
	"stat.custom":   "",
	"gauge.options": `orientation showThresholdLabels showThresholdMarkers sizing minVizWidth minVizHeight reduceOptions`,
	"gauge.custom":  "",
	"bargauge.options": `displayMode orientation valueMode namePlacement showUnfilled sizing minVizWidth minVizHeight maxVizHeight
		reduceOptions legend`,
	"bargauge.custom":    "",
	"timeseries.options": "legend tooltip",
	"timeseries.custom": `drawStyle lineInterpolation lineWidth fillOpacity gradientMode showPoints pointSize spanNulls insertNulls
		axisPlacement axisLabel axisColorMode axisBorderShow axisCenteredZero scaleDistribution barAlignment barWidthFactor stacking
		hideFrom thresholdsStyle transform`,
	"stacking":               "mode group",
	"state-timeline.options": "mergeValues showValue alignValue rowHeight legend tooltip",
	"state-timeline.custom":  "fillOpacity lineWidth spanNulls insertNulls axisPlacement hideFrom",
	"barchart.options": `orientation xField xTickLabelRotation xTickLabelMaxLength xTickLabelSpacing stacking showValue barWidth
		groupWidth barRadius fullHighlight legend tooltip`,
	"barchart.custom": `lineWidth fillOpacity gradientMode axisPlacement axisLabel axisColorMode axisBorderShow axisCenteredZero
		scaleDistribution hideFrom thresholdsStyle`,
	"table.options": "frameIndex cellHeight showHeader sortBy", "sortBy": "displayName desc",
	"table.custom": "align cellOptions inspect filterable width", "cellOptions": "type wrapText mode valueDisplayMode",

	"transformations": "id options",
	"groupBy.options": "fields", "groupBy.fields": "*", "groupBy.fields.*": "operation aggregations",
	"joinByField.options":      "byField mode",
	"convertFieldType.options": "conversions fields", "conversions": "targetField destinationType joinWith", "convertFieldType.fields": "",
	"organize.options": "excludeByName indexByName renameByName", "excludeByName": "*", "indexByName": "*", "renameByName": "*",
	"formatTime.options": "timeField outputFormat useTimezone",
	"sortBy.options":     "fields sort", "sortBy.fields": "", "sort": "field desc",
}

// checkKeys compares all keys with the table. kind is the type of the panel, or the id of the transformation, that v is in.
func checkKeys(v any, object, kind string) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := checkKeys(e, object, kind); err != nil {
				return err
			}
		}
	case map[string]any:
		allowed, ok := keys[object]
		if !ok {
			return fmt.Errorf("%s: unknown object", object)
		}
		switch object {
		case "panels":
			kind, _ = v["type"].(string)
		case "transformations":
			kind, _ = v["id"].(string)
		case "properties": // of an override: as the field of that name would be
			id, _ := v["id"].(string)
			name, custom := strings.CutPrefix(id, "custom.")
			object, v = "defaults", map[string]any{name: v["value"]}
			if custom {
				object = kind + ".custom"
			}
			allowed = keys[object]
		}
		for name, e := range v {
			if allowed != "*" && !slices.Contains(strings.Fields(allowed), name) {
				return fmt.Errorf("%s: unknown key %q", object, name)
			}
			if allowed == "*" {
				name = "*"
			}
			inner := name
			for _, prefix := range []string{kind, object} { // the last one found is the closest
				if _, ok := keys[prefix+"."+name]; ok {
					inner = prefix + "." + name
				}
			}
			if err := checkKeys(e, inner, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestDecode_RefusesUnknownKeys(t *testing.T) {
	good := `{"panels":[{"id":1,"type":"stat","fieldConfig":{"defaults":{"unit":"bps"},"overrides":[{"properties":[{"id":"unit","value":"s"}]}]},` +
		`"options":{"colorMode":"value"},"transformations":[{"id":"joinByField","options":{"mode":"outer"}}]}]}`
	if _, err := decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{
		`"panels":`: `"pannels":`, `"unit":"bps"`: `"Unit":"bps"`, `"colorMode"`: `"xField"`, `"mode":"outer"`: `"kind":"outer"`,
		`"id":"unit"`: `"id":"custom.unit"`, `"stat"`: `"graph"`, `joinByField`: `seriesToColumns`, `{"id":1`: `{"datasource":"x","id":1`,
		`]}]}`: `]}]}{}`, `{"panels"`: `{"__inputs":[],"panels"`,
	} {
		if _, err := decode([]byte(strings.Replace(good, was, is, 1))); err == nil {
			t.Errorf("%s instead of %s is accepted", is, was)
		}
	}
}
