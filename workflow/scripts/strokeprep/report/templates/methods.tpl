{# The methods paragraph, of which only those sentences are written whose steps have run. #}
Images were preprocessed with strokeprep {{ version }}, a Snakemake workflow [@molder2021], and
organised as a BIDS derivative [@gorgolewski2016].

{% if faces %}
Faces were removed {{ faces | join(" and ") }}, sparing all within {{ margin_mm | short }} mm of the
brain; headers were written anew.
{% endif %}

{% if brains %}
Brains were segmented {{ brains | join(" and ") }}{% for each in on_ct %}; {{ each }}{% endfor %}.
{% endif %}

{% for each in to_reference %}
{{ each.scans }} were registered to the {{ each.target }} of the same subject by {{ each.how }}
that maximise mutual information [@mattes2003].
{% endfor %}
{% for each in to_template %}
{{ each.scans }} were registered to {{ each.target }} by {{ each.how }}.
{% endfor %}
{% if to_reference or to_template %}
Transforms were composed, so that every image was interpolated once; masks by nearest neighbour.
{% endif %}

{% if mr_series %}
MR perfusion series were carried along frame by frame without motion correction or maps; their mean
over time was registered.
{% endif %}

{% if grey %}
For grey levels that can be compared, {{ grey }}.
{% endif %}

{% if maps %}
CT perfusion series were corrected for motion frame by frame, resampled to one frame per second, and
smoothed in plane ({{ maps.InPlaneSmoothing | short }} mm full width at half maximum). Arterial input
and venous outflow were found automatically unless given. Where a vein was found, the
input had its area and the course that explained both curves best.
{% if maps.get("ArterialInput") == "local" %}
Territories whose arteries filled later than the input of the whole brain had an arterial input of their own, but for Tmax.
{% endif %}
Maps were computed by {{ deconvolution }}.
Voxels whose curve no vascular model explains, as where bone moves, have no values.
{% if thresholds %}
Core was tissue with less than {{ "{:.0%}".format(thresholds.core_rcbf) }} of the flow of healthy
tissue [@campbell2011]; late tissue had Tmax above {{ thresholds.hypoperfused_tmax_s | short }} s
[@albers2018].
{% endif %}
{% endif %}

{% if corrected %}
Corrected by hand: {{ corrected }}.
{% endif %}

{% if gammas %}
The fit of diffusion images to the template was judged by their fill of strips along the surface of
the brain and of the lateral ventricles [@liu2023].
{% endif %}

{% if software %}
Computations used {{ software | join(", ") }}.
{% endif %}
